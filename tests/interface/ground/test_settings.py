"""Settings compose: profile, then file, then single values; every profile is valid."""

import re
from pathlib import Path
from typing import Any

import pytest

from emotrack.cli.options import SetOption, TrainingSetOption
from emotrack.errors import UserError
from emotrack.settings import load_settings, profiles
from helpers.sessions.commands import emotrack


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
    "override",
    ["stream.vision", "=3", "stream.vision.face_rate.x=1", "stream.vision.face_rate=[", "nothing=1"],
)
def test_bad_overrides_are_one_sentence(override: str) -> None:
    with pytest.raises(UserError) as raised:
        load_settings(overrides=[override])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "a: " + "7" * 20_000], ids=["nested", "long"])
def test_what_yaml_chokes_on_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match="nested too deeply, or holds a number that is too long"):
        load_settings(config=path)


def example(option: Any) -> str:
    """The setting that the help of an option gives as one."""
    found = re.search(r"such as (\S+);", option.__metadata__[0].help)
    assert found is not None
    return found[1]


def test_the_setting_that_the_help_names_is_one(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_settings(overrides=[example(SetOption)])
    done = emotrack(
        capfd, monkeypatch, "train", "--config", "voice", "--settings", "--set", example(TrainingSetOption)
    )
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("given", "missing"),
    [("--server-key", "--keys FILE, your own .key_secret file"), ("--keys", "--server-key KEY")],
)
def test_one_key_of_two_is_refused_by_naming_the_other(
    given: str, missing: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = emotrack(capfd, monkeypatch, "monitor", given, "x")
    assert done.code == 2 and done.out == ""
    (sentence,) = done.sentences
    assert f"add {missing}" in sentence
