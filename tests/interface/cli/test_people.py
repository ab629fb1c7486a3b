"""Enrolling somebody, being known again in another session, and being forgotten: whole commands on the voices
of the demonstration."""

import json
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotrack.demo import clip_path
from emotrack.stream.sources.media import AUDIO_RATE
from helpers.media.speech import demo_speech
from helpers.sessions.commands import Outcome, emotrack

LINES = {"anna": ((0.8, 3.8), (14.2, 17.1), (27.4, 30.0)), "ben": ((5.0, 7.6), (9.2, 12.7), (23.4, 25.9))}
"""When each of the two speaks in the demonstration, seconds."""
Call = Callable[..., Outcome]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """A command with a folder of people of its own."""
    people = f"--set=stream.speakers.people={tmp_path / 'people'}"
    return lambda *arguments: emotrack(capfd, monkeypatch, *arguments, people)


def record(path: Path, *names: str) -> Path:
    """All that these people say in the demonstration, as a file."""
    speech = demo_speech()
    cut = [
        speech[round(start * AUDIO_RATE) : round(end * AUDIO_RATE)]
        for name in names
        for start, end in LINES[name]
    ]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(AUDIO_RATE)
        file.writeframes((np.concatenate(cut) * 32_000).astype("<i2").tobytes())
    return path


def test_who_is_enrolled_is_known_by_name_until_they_are_forgotten(call: Call, tmp_path: Path) -> None:
    enrolled = call("enroll", "anna", "--voice", str(record(tmp_path / "anna.wav", "anna")))
    assert (enrolled.code, enrolled.out) == (0, f"{tmp_path / 'people' / 'anna.person'}\n")
    assert call("people", "list").out.startswith("anna  2")
    fast = ("--fast", "--set=stream.publish.endpoint=none", "--set=stream.transcription.recogniser=none")
    known = spoken(call("run", *fast, "--set=stream.modalities=[audio]", "--jsonl", "-", str(clip_path())))
    assert "anna" in known, "as soon as five seconds of her were heard"
    assert len(known - {"anna", "spk1", "clip"}) == 1, "the other one stays a number"
    assert call("people", "forget", "anna").code == 0
    gone = call("people", "list")
    assert (gone.code, gone.out) == (0, "") and "nobody is enrolled" in gone.err
    assert list((tmp_path / "people").iterdir()) == []


def spoken(run: Outcome) -> set[str]:
    """Everybody who said something."""
    assert run.code == 0, run.err
    messages = [json.loads(line) for line in run.out.splitlines()]
    return {one["speaker"]["id"] for one in messages if one["type"] == "emotion" and one["state"] == "final"}


def test_a_clip_of_two_voices_enrolls_nobody(call: Call, tmp_path: Path) -> None:
    refused = call("enroll", "anna", "--voice", str(record(tmp_path / "both.wav", "anna", "ben")))
    assert refused.code == 2
    assert refused.err.endswith("There are 2 voices in it: give a clip in which only that person speaks.\n")
    assert not (tmp_path / "people").exists()


def test_what_cannot_be_heard_is_one_sentence(call: Call, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * 12))
    for path, told in (
        (tmp_path / "none.wav", "There is no file "),
        (silence, "There is too little speech of one voice in it"),
        (Path(__file__), "cannot be read as audio or video"),
    ):
        refused = call("enroll", "anna", "--voice", str(path))
        assert refused.code == 2 and told in refused.sentences[-1], refused.err
    assert not (tmp_path / "people").exists()


def test_a_policy_that_refuses_identities_rules_enrolment_out(call: Call, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("identities: false\n")
    refused = call("enroll", "anna", "--voice", str(tmp_path / "never read.wav"), "--policy", str(policy))
    assert refused.code == 2
    assert refused.err == "emotrack: The policy of this tracker refuses identities: nobody can be enrolled.\n"


def test_a_key_is_made_once_and_nobody_is_enrolled_in_the_clear_with_it(
    call: Call, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def make(path: Path) -> Outcome:
        return emotrack(capfd, monkeypatch, "people", "key", str(path))

    key = tmp_path / "people.key"
    made = make(key)
    assert made.code == 0 and made.out == f"{key}\n"
    secret = f"--set=stream.speakers.people_key={key}"
    clip = record(tmp_path / "anna.wav", "anna")
    assert call("enroll", "anna", "--voice", str(clip), secret).code == 0
    assert b"anna" not in (tmp_path / "people" / "anna.person").read_bytes()
    assert call("people", "list", secret).out.startswith("anna  2")
    unread = call("people", "list")
    assert unread.code == 0 and unread.out == "anna  unreadable\n" and "encrypted with a key" in unread.err
    assert make(key).code == 2
