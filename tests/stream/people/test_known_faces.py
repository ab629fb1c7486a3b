"""People who are known by their faces: named once a few looks agree, and nobody else for them."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from emotrack.stream.people.identities import LOOKS
from emotrack.stream.people.people import People
from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import FaceQuality
from emotrack.stream.seeing.sightings import SeenFace, Sighting
from emotrack.stream.settings import PeopleSettings
from emotrack.stream.wire.protocol.messages import Face, Message, Person, Speaker
from emotrack.stream.wire.protocol.parts import SpeakerRef
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.tracking import Collector

ANNA, BEN, STRANGER = np.eye(3, 512, dtype=np.float32)


def session(*, voiced: bool = True) -> tuple[People, Outbox, Collector]:
    collector = Collector()
    outbox = Outbox("test", [collector])
    known = {"anna": ANNA, "ben": BEN}
    people = People(outbox, LABELS, PeopleSettings(), one_each=not voiced, voiced=voiced, faces=known)
    return people, outbox, collector


def seen(time: float, **faces: np.ndarray | None) -> Sighting:
    """Faces by track (`t1`, `t2`), each with what tells whose it is, or None where that was not looked at."""
    calm = np.array([9, 0, 0, 0, 0, 0, 0, 0], np.float32)
    here = []
    for name, identity in faces.items():
        track = int(name[1:])
        box = np.array([60 * track, 0, 60 * track + 50, 50], np.float32)
        landmarks = box[:2] + np.array([[15, 20], [35, 20], [25, 30], [18, 40], [32, 40]], np.float32)
        observation = FaceObservation(time, track, box, 0.99, landmarks, 0.0, since=0.0)
        quality = FaceQuality(100, 0.2, 0, 1)
        face = SeenFace(observation, np.zeros((48, 48), np.uint8), quality, np.zeros(0, np.float32), calm)
        here.append(replace(face, identity=identity))
    return Sighting(0, time, tuple(here), None, dark=False, picture=(400, 100))


def watch(people: People, count: int, start: float = 0.0, **faces: np.ndarray | None) -> float:
    for step in range(count):
        people.see("room", seen(start + step / 5, **faces))
        people.turn(start + step / 5)
    return start + count / 5


def owners(messages: list[Message]) -> dict[int, str]:
    return {one.track: one.person for one in messages if isinstance(one, Face)}


def aliases(messages: list[Message]) -> list[tuple[str, str | None]]:
    return [(one.speaker, one.alias_of) for one in messages if isinstance(one, Speaker)]


def test_a_face_bears_its_name_once_a_few_looks_agree() -> None:
    people, _, collector = session()
    watch(people, LOOKS - 1, t1=ANNA, t2=STRANGER)
    assert owners(collector.messages) == {1: "room-face1", 2: "room-face2"}
    watch(people, 5, 1.0, t1=ANNA, t2=STRANGER)
    assert owners(collector.messages) == {1: "anna", 2: "room-face2"}
    assert aliases(collector.messages) == [("anna", None), ("room-face1", "anna")], "she is introduced"


def test_looks_that_do_not_agree_are_nobodys() -> None:
    people, _, collector = session()
    for step, face in enumerate([ANNA, BEN, STRANGER] * 4):
        watch(people, 1, step / 5, t1=face)
    assert owners(collector.messages) == {1: "room-face1"}


def test_of_two_faces_in_a_feed_one_is_somebodys() -> None:
    people, _, collector = session()
    watch(people, 10, t1=ANNA, t2=ANNA)
    assert sorted(owners(collector.messages).values()) == ["anna", "room-face2"]


def test_who_is_known_stays_so_whoever_is_heard() -> None:
    people, outbox, collector = session()
    now = watch(people, 10, t1=ANNA)
    said = sample.emotion(1, "spk1", source="room", start=0.0, end=2.0)
    outbox.emit(msgspec.structs.replace(said, speaker=SpeakerRef(id="spk1", confidence=0.9, face=1)))
    watch(people, 10, now, t1=None)
    assert owners(collector.messages) == {1: "anna"}
    assert "spk1" in {one.person for one in collector.messages if isinstance(one, Person)}


@pytest.mark.parametrize("voiced", [True, False])
def test_who_speaks_without_a_known_voice_is_whose_face_it_is(voiced: bool) -> None:
    people, outbox, collector = session(voiced=voiced)
    now = watch(people, 10, t1=ANNA)
    said = sample.emotion(1, "room", source="room", start=0.0, end=2.0, label="anger", confidence=0.95)
    speaker = SpeakerRef(id="room", confidence=0.0 if voiced else 1.0, face=1)
    outbox.emit(msgspec.structs.replace(said, speaker=speaker))
    watch(people, 20, now, t1=None)
    last = {one.person: one for one in collector.messages if isinstance(one, Person)}
    assert {name for name, one in last.items() if one.utterance == 1} == {"anna"}


def test_a_face_that_is_lost_is_known_again_when_it_comes_back() -> None:
    people, _, collector = session()
    watch(people, 10, t1=ANNA)
    watch(people, 20, 5.0)
    watch(people, 10, 10.0, t2=ANNA)
    assert owners(collector.messages) == {1: "anna", 2: "anna"}
    people.close("room", "no video")
    assert [one.person for one in collector.messages if isinstance(one, Face) and one.event == "lost"] == [
        "anna",
        "anna",
    ]


def test_who_is_known_keeps_their_name_when_the_participants_face_is_lost() -> None:
    people, _, collector = session(voiced=False)
    now = watch(people, 10, t1=STRANGER, t2=ANNA)
    assert owners(collector.messages) == {1: "room", 2: "anna"}
    watch(people, 20, now, t2=None)
    assert owners(collector.messages)[2] == "anna"


def test_a_name_that_a_face_gave_up_is_not_used_again_when_it_comes_back() -> None:
    people, _, collector = session()
    watch(people, 10, t1=ANNA)
    watch(people, 20, 5.0)
    watch(people, 2, 10.0, t1=None)
    assert owners(collector.messages) == {1: "room-face1-2"}
