"""Settings compose: profile, then file, then single values; every profile is valid."""

import re
from pathlib import Path
from typing import Any

import pytest

from emotrack.cli.options import SetOption, TrainingSetOption
from emotrack.errors import UserError
from emotrack.notify import notify
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


ALIASES = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nengines: *c\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ALIASES, "has the alias *a: write out what it stands for."),
        ("[" * 5_000, "has settings in more than 32 others: there are none so deep."),
        ("engines: 0x" + "f" * 5_000, "has a number out of all proportion (line 1)."),
        ("engines: 1" + ":59" * 5_000, "has a number out of all proportion (line 1)."),
        ("a: 1\nengines: " + "9" * 5_000, "has a value that does not fit its kind (line 2)."),
        ("bundle: 2001-99-99", "has a value that does not fit its kind (line 1)."),
        ("bundle: !!bool x", "has a value that does not fit its kind (line 1)."),
        ('bundle: "a\\0"', "has a zero byte or half a letter in a text (line 1): take it out."),
        ('bundle: "\\ud800"', "has a zero byte or half a letter in a text (line 1): take it out."),
        ("? [a]\n: 1", "has a list or a mapping as a key (line 1)."),
        ("#" * 200_000, "is larger than settings can be (100 kB): name another."),
        (b"\xff", "is not text in UTF-8."),
        ('"\\e[2J": 1', "There is no setting  [2J; `emotrack doctor --settings` lists them."),
        ("engines: " + "x" * 50_000, f"not '{'x' * 97}...{'x' * 98}'."),
    ],
)
def test_a_file_out_of_all_proportion_is_refused_in_one_short_sentence(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UserError) as raised:
        load_settings(config=path)
    assert str(raised.value).endswith(sentence) and len(str(raised.value)) < 500


def test_a_sentence_cannot_steer_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    notify("There is no setting \x1b[2J.\nNor is there another.")
    assert capfd.readouterr().err == "emotrack: There is no setting  [2J. Nor is there another.\n"


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
