"""Settings compose: profile, then file, then single values; every profile is valid."""

from pathlib import Path

import pytest

from emotrack.model.errors import UserError
from emotrack.settings import load_settings, profiles


@pytest.mark.parametrize("profile", profiles())
def test_every_profile_is_valid(profile: str) -> None:
    load_settings(profile)


def test_later_sources_win(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("stream:\n  segmentation:\n    hangover: 0.7\n    pre_roll: 0.1\n")
    settings = load_settings("embedded", mine, ["stream.segmentation.hangover=0.9"])
    assert settings.stream.segmentation.hangover == 0.9
    assert settings.stream.segmentation.pre_roll == 0.1
    assert settings.engines.audio == "voice"


@pytest.mark.parametrize(
    "override", ["stream.vision", "=3", "stream.vision.face_rate.x=1", "stream.vision.face_rate=[", "nothing=1"]
)
def test_bad_overrides_are_one_sentence(override: str) -> None:
    with pytest.raises(UserError) as raised:
        load_settings(overrides=[override])
    assert "\n" not in str(raised.value)
