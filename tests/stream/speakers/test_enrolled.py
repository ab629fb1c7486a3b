"""People known by their voices: kept for their owner only, told when a file is not what it should be, and
never taken for somebody whom they are merely a little like."""

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.sound.turns import EMBEDDING
from emotrack.errors import UserError
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.assign import VoicedSpeakers
from emotrack.stream.speakers.enrolled import KNOWN, People, cipher_of, make_key, recognised, voice_of
from helpers.media.voices import learn, listenings, said, voice

ANNA = np.stack([voice(1, take) for take in range(20)])
BEN = np.stack([voice(2, take) for take in range(20)])


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path / "people")


def test_what_is_kept_is_read_back_until_it_is_forgotten(people: People) -> None:
    people.enrol("anna", ANNA)
    people.enrol("ben", BEN)
    assert people.names() == ["anna", "ben"]
    assert people.voice("anna") == pytest.approx(voice_of(ANNA), abs=1e-4)
    people.forget("anna")
    assert people.names() == ["ben"]
    with pytest.raises(UserError, match=r"^Nobody called anna is enrolled in .*: there is ben\.$"):
        people.forget("anna")


def test_only_the_owner_reads_it(people: People) -> None:
    path = people.enrol("anna", ANNA)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    people.enrol("anna", BEN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "nor when it is replaced"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_key_encrypts_and_without_it_nothing_is_read(people: People, tmp_path: Path) -> None:
    key = tmp_path / "key"
    make_key(key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = People(people.folder, cipher_of(key))
    path = secret.enrol("anna", ANNA)
    assert b"anna" not in path.read_bytes()
    assert secret.voice("anna") == pytest.approx(voice_of(ANNA), abs=1e-4)
    people.enrol("ben", BEN)
    assert secret.voice("ben") == pytest.approx(voice_of(BEN), abs=1e-4), (
        "what was kept before stays readable"
    )
    make_key(tmp_path / "other")
    for wrong in (people, People(people.folder, cipher_of(tmp_path / "other"))):
        with pytest.raises(
            UserError, match=r"damaged, or encrypted with a(nother)? key \(stream.speakers.people_key"
        ):
            wrong.voice("anna")
    with pytest.raises(UserError, match="is there already"):
        make_key(key)


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff" * 44])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(UserError, match="holds no key"):
        cipher_of(path)


@pytest.mark.parametrize("name", ["", "spk1", "room-face3", "../anna", "anna.person", "a" * 200, "anna\n"])
def test_names_that_nobody_can_have_are_refused(people: People, name: str) -> None:
    for use in (people.check, people.read, people.forget, lambda one: people.enrol(one, ANNA)):
        with pytest.raises(UserError, match=r"^Nobody can be enrolled as "):
            use(name)
    assert not people.folder.exists()


WRONG = st.one_of(
    st.binary(max_size=200),
    st.recursive(st.none() | st.floats() | st.text(max_size=5), st.lists, max_leaves=8).map(
        lambda value: json.dumps({"name": "anna", "since": "2026-01-01", "windows": value}).encode()
    ),
    st.sampled_from(
        [
            json.dumps({"name": "ben", "since": "", "windows": ANNA.tolist()}).encode(),
            json.dumps({"name": "anna", "since": "", "windows": (2 * ANNA).tolist()}).encode(),
            json.dumps({"name": "anna", "since": "", "windows": ANNA[:, :7].tolist()}).encode(),
            b" " * 3_000_000,
        ]
    ),
)


@given(content=WRONG)
def test_a_file_that_holds_something_else_is_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    people = People(tmp_path_factory.mktemp("people"))
    (people.folder / "anna.person").write_bytes(content)
    with pytest.raises(UserError, match=r"anna\.person (cannot be read|does not hold the voice of anna)"):
        people.voice("anna")


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """A voice between two."""
    return voice_of(np.stack([share * one, (1 - share) * other]))


def test_somebody_is_recognised_and_a_stranger_is_not() -> None:
    known = {"anna": voice_of(ANNA), "ben": voice_of(BEN)}
    assert recognised(voice_of(ANNA[5:9]), known) == "anna"
    assert recognised(voice(3, 0), known) is None
    assert recognised(voice_of(ANNA), {}) is None
    assert recognised(mixed(known["anna"], known["ben"], 0.5), known) is None, "who is like both is neither"
    assert recognised(mixed(known["anna"], voice(3, 0, 0.0), 0.2), {"anna": known["anna"]}) is None


@given(st.floats(0, 1))
def test_nobody_is_recognised_below_the_threshold(share: float) -> None:
    anna, stranger = voice_of(ANNA), voice(3, 0, 0.0)
    heard = mixed(anna, stranger, share)
    assert (recognised(heard, {"anna": anna}) == "anna") == (float(heard @ anna) >= KNOWN)


def test_a_speaker_who_is_recognised_is_told_as_an_alias_of_their_name() -> None:
    speakers = VoicedSpeakers(SpeakerSettings(mode="voice"), {"ben": voice_of(BEN), "zoe": voice(9, 0)})
    lines = said((1, 150), (2, 60), (2, 250))
    told = []
    for listening in listenings(lines):
        learn(speakers, "room", listening)
        speaker, events = speakers.assign("room", range(max(0, listening.end - 16), listening.end))
        told += [(event.event, event.speaker, event.alias_of) for event in events]
    assert speaker.id == "ben"
    new = [("new", name, None) for name in ("room", "spk1", "spk2", "ben")]
    assert told == [*new, ("alias", "spk2", "ben")], "until a voice is known it is the room's"
    assert speakers.assign("room", range(100))[0].id == "spk1", "who is not enrolled has a number"


def test_two_voices_of_one_enrolled_person_are_one_speaker() -> None:
    between = mixed(voice_of(ANNA), voice_of(BEN), 0.5)
    speakers = VoicedSpeakers(SpeakerSettings(mode="voice"), {"anna": between})
    lines = said((1, 300), (2, 300))
    for listening in listenings(lines):
        learn(speakers, "room", listening)
    found = {speakers.assign("room", range(line.first, line.end))[0].id for line in lines}
    assert found == {"anna"}
    assert len(between) == EMBEDDING
