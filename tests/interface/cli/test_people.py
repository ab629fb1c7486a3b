"""Enrolling somebody, being known again in another session, and being forgotten: whole commands on the voices
of the demonstration."""

import json
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from emotrack.demo import clip_path
from emotrack.stream.sources.media import AUDIO_RATE
from helpers.media.speech import demo_speech
from helpers.sessions.commands import Outcome, emotrack
from helpers.stand_ins.identities import write_identity

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


@pytest.fixture(scope="module")
def random_faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The setting of weights that know faces in the format of the published ones: by random weights all faces
    are alike."""
    return f"--set=engines.face_identity={write_identity(tmp_path_factory.mktemp('faces') / 'random.pt')}"


def photograph(path: Path, seconds: float) -> Path:
    """A moment of the demonstration, cut to who is on its left."""
    with av.open(str(clip_path())) as clip:
        picture = next(
            frame.to_ndarray(format="rgb24")
            for frame in clip.decode(video=0)
            if frame.time is not None and frame.time >= seconds
        )
    Image.fromarray(picture[:, : picture.shape[1] // 2]).save(path)
    return path


@pytest.mark.xdist_group("identity")
def test_who_is_enrolled_by_face_is_seen_by_name(call: Call, tmp_path: Path, random_faces: str) -> None:
    picture = photograph(tmp_path / "anna.png", 2.0)
    enrolled = call("enroll", "anna", "--face", str(picture), "--face", str(picture), random_faces)
    assert enrolled.code == 0, enrolled.err
    assert "anna is known by face from now on" in enrolled.err
    assert call("people", "list").out.endswith("  face\n")
    voiced = call("enroll", "anna", "--voice", str(record(tmp_path / "anna.wav", "anna")))
    assert voiced.code == 0 and call("people", "list").out.endswith("  voice and face\n")
    fast = ("--fast", "--publish=none", "--modalities", "face", "--jsonl", "-", str(clip_path()))
    seen = call("run", *fast, random_faces)
    assert seen.code == 0, seen.err
    messages = [json.loads(line) for line in seen.out.splitlines()]
    people = {one["person"] for one in messages if one["type"] == "face"}
    assert "anna" in people and len(people) > 1, "of two faces in a picture one is hers"
    assert "identity" in {part["part"] for part in messages[0]["engines"]}
    assert call("people", "forget", "anna").code == 0
    unknown = call("run", *fast, "--set=engines.face_identity=gone.pt")
    assert unknown.code == 0 and "gone.pt" not in unknown.err, "nothing is loaded where nobody is enrolled"


@pytest.mark.xdist_group("identity")
def test_pictures_of_any_kind_are_looked_at_as_people_see_them(
    call: Call, tmp_path: Path, random_faces: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Image.open(photograph(tmp_path / "anna.png", 2.0))
    deep = Image.fromarray(np.asarray(plain.convert("L")).astype(np.uint16) << 8)
    unseen = plain.convert("RGBA")
    unseen.putalpha(0)
    for kind, picture, told in (
        ("grey", plain.convert("L"), None),
        ("deep", deep, None),
        ("palette", plain.convert("P"), None),
        ("unseen", unseen, "There is no face in it"),
    ):
        path = tmp_path / f"{kind}.png"
        picture.save(path)
        done = call("enroll", "anna", "--face", str(path), random_faces)
        assert done.code == (2 if told else 0) and (told or "") in done.err, kind
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    large = call("enroll", "anna", "--face", str(tmp_path / "grey.png"), random_faces)
    assert large.code == 2 and "has too many pixels: give a smaller picture." in large.err


def test_a_picture_that_shows_nobody_clearly_is_one_sentence(
    call: Call, tmp_path: Path, random_faces: str
) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (200, 200)).save(blank)
    for path, told in (
        (tmp_path / "none.png", "There is no file "),
        (blank, "There is no face in it: give a picture in which that person alone looks at the camera."),
        (Path(__file__), "cannot be read as a picture: give a JPEG or PNG file."),
    ):
        refused = call("enroll", "anna", "--face", str(path), random_faces)
        assert refused.code == 2 and told in refused.sentences[-1], refused.err
    neither = call("enroll", "anna")
    assert neither.code == 2 and "--voice CLIP, --face PICTURE, or both." in neither.err
    assert not (tmp_path / "people").exists()


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


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ("identities: false", "identities"),
        ("modalities: [text, audio]", "face"),
        ("modalities: [face]", "audio"),
    ],
)
def test_a_policy_that_refuses_it_rules_enrolment_out(
    call: Call, tmp_path: Path, rule: str, refused: str
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(rule, "utf-8")
    asked = ("--voice", str(tmp_path / "never read.wav"), "--face", str(tmp_path / "never read.png"))
    done = call("enroll", "anna", *asked, "--policy", str(policy))
    assert done.code == 2
    assert done.err == f"emotrack: The policy of this tracker refuses {refused}: nobody can be enrolled.\n"


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
    in_the_clear = call("enroll", "ben", "--voice", str(record(tmp_path / "ben.wav", "ben")))
    assert in_the_clear.code == 0 and "with these settings anna cannot be read: " in in_the_clear.err
    assert call("people", "forget", "ben").code == 0
    unread = call("people", "list")
    assert unread.code == 0 and unread.out == "anna  unreadable\n" and "encrypted with a key" in unread.err
    assert make(key).code == 2
