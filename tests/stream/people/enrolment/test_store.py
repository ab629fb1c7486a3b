"""People who are enrolled: kept for their owner only, and told when a file is not what it should be."""

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.people.enrolment.store import People, cipher_of, make_key, read_people
from helpers.media.voices import voice

ANNA = np.stack([voice(1, take) for take in range(20)])
BEN = np.stack([voice(2, take) for take in range(20)])
FACE = np.eye(2, 512, dtype=np.float32)


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path / "people")


def test_what_is_kept_is_read_back_until_it_is_forgotten(people: People) -> None:
    people.enrol("anna", voice=ANNA)
    people.enrol("ben", voice=BEN)
    assert people.names() == ["anna", "ben"]
    assert np.allclose(people.read("anna").voice, ANNA, atol=1e-4)
    people.forget("anna")
    assert people.names() == ["ben"]
    with pytest.raises(UserError, match=r"^Nobody called anna is enrolled in .*: there is ben\.$"):
        people.forget("anna")


def test_who_is_enrolled_once_more_keeps_what_they_were_known_by(people: People) -> None:
    people.enrol("anna", voice=ANNA)
    people.enrol("anna", face=FACE, face_weights="a")
    people.enrol("anna", voice=BEN)
    found = people.read("anna")
    assert np.allclose(found.voice, BEN, atol=1e-4) and np.allclose(found.face, FACE, atol=1e-4)
    assert found.face_weights == "a"


def test_a_file_that_cannot_be_read_is_not_written_over(people: People) -> None:
    path = people.enrol("anna", voice=ANNA)
    path.write_bytes(b"?")
    for use in (people.check, lambda name: people.enrol(name, voice=BEN)):
        with pytest.raises(UserError, match=r"cannot be read.*\.$"):
            use("anna")
    assert path.read_bytes() == b"?"


def test_who_cannot_be_read_is_told_and_the_others_are_known(people: People) -> None:
    people.enrol("anna", voice=ANNA).write_bytes(b"?")
    people.enrol("ben", voice=BEN)
    told: list[str] = []
    assert [one.name for one in read_people(people, told.append)] == ["ben"]
    assert len(told) == 1 and told[0].startswith("anna is not recognised: ")


def test_only_the_owner_reads_it(people: People) -> None:
    path = people.enrol("anna", voice=ANNA)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    people.enrol("anna", voice=BEN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "nor when it is replaced"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_key_encrypts_and_without_it_nothing_is_read(people: People, tmp_path: Path) -> None:
    key = tmp_path / "key"
    make_key(key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = People(people.folder, cipher_of(key))
    path = secret.enrol("anna", voice=ANNA)
    assert b"anna" not in path.read_bytes()
    assert np.allclose(secret.read("anna").voice, ANNA, atol=1e-4)
    people.enrol("ben", voice=BEN)
    assert np.allclose(secret.read("ben").voice, BEN, atol=1e-4), "what was kept before stays readable"
    make_key(tmp_path / "other")
    for wrong in (people, People(people.folder, cipher_of(tmp_path / "other"))):
        with pytest.raises(UserError, match=r"is encrypted with a(nother)? key \(stream.speakers.people_key"):
            wrong.read("anna")
    with pytest.raises(UserError, match="is there already"):
        make_key(key)


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff" * 44])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(UserError, match="holds no key"):
        cipher_of(path)


@pytest.mark.parametrize("name", ["", "-", "spk1", "room-face3", "../anna", "a.person", "a" * 200, "anna\n"])
def test_names_that_nobody_can_have_are_refused(people: People, name: str) -> None:
    for use in (people.check, people.read, people.forget, lambda one: people.enrol(one, voice=ANNA)):
        with pytest.raises(UserError, match=r"^Nobody can be enrolled as "):
            use(name)
    assert not people.folder.exists()


WRONG = st.one_of(
    st.binary(max_size=200),
    st.recursive(st.none() | st.floats() | st.text(max_size=5), st.lists, max_leaves=8).map(
        lambda value: json.dumps({"name": "anna", "since": "2026-01-01", "voice": value}).encode()
    ),
    st.sampled_from(
        [
            json.dumps({"name": "ben", "since": "", "voice": ANNA.tolist()}).encode(),
            json.dumps({"name": "anna", "since": "", "voice": (2 * ANNA).tolist()}).encode(),
            json.dumps({"name": "anna", "since": "", "voice": ANNA[:, :7].tolist()}).encode(),
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
    with pytest.raises(UserError, match=r"anna\.person (cannot be read|does not hold what anna is known by)"):
        people.read("anna")


def test_files_that_are_called_otherwise_are_none_of_ours(people: People) -> None:
    people.enrol("anna", voice=ANNA)
    for name in ("spk3", "we ird", "-"):
        (people.folder / f"{name}.person").write_bytes(b"?")
    told: list[str] = []
    assert people.names() == ["anna"] and len(read_people(people, told.append)) == 1 and not told
