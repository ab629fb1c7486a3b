"""Messages as topics of ROS for humans (REP-155, messages of `hri_msgs` 2): data alone, which needs no ROS.

    /humans/{persons,faces,voices}/tracked         IdsList      who is there
    /humans/persons/<id>/expression                Expression   a person's steady state
    /humans/persons/<id>/{face_id,voice_id,alias}  String       what is theirs, who they turn out to be
    /humans/faces/<id>/roi                         NormalizedRegionOfInterest2D
    /humans/faces/<id>/expression                  Expression   what a face shows
    /humans/voices/<id>/is_speaking                Bool
    /humans/voices/<id>/speech                     LiveSpeech   words
    /humans/candidate_matches                      IdsMatch     whose a face and a voice is

`expression` of a person is ours: REP-155 has it of faces alone.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

from emotrack.stream.wire.protocol.messages import (
    Emotion,
    Face,
    Message,
    Person,
    Session,
    Speaker,
)
from emotrack.stream.wire.protocol.vocabulary import ROS4HRI

Kind = Literal["person", "face", "voice"]
ID_TYPES: dict[Kind, int] = {"person": 1, "face": 2, "voice": 4}
"""Constants of `hri_msgs/IdsMatch`."""
PLACES: dict[Kind, str] = {"person": "persons", "face": "faces", "voice": "voices"}
MOST = 200
"""People, faces and voices, of each, that are followed at once."""
LETTERS = 5
NOT_KNOWN = float("nan")
"""Valence and arousal where a message has none: 0 would say that they are neither."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One message of ROS: its topic, its type as `package/Name`, its fields, and when it was."""

    topic: str
    type: str
    fields: dict[str, Any]
    unix_ns: int | None = None
    """Of its header; None where the type has none."""
    frame: str = ""
    """Of its header: the feed."""


def letters(kind: Kind, session: str, name: str) -> str:
    """The five letters by which ROS knows somebody or something of ours: always the same for the same
    names.

    They are of the session, for `spk1` of another one is somebody else.
    """
    number = int.from_bytes(hashlib.blake2s(f"{kind}/{session}/{name}".encode()).digest(), "big")
    found = ""
    for _ in range(LETTERS):
        number, letter = divmod(number, 26)
        found += chr(ord("a") + letter)
    return found


class Humans:
    """Who is there of one session after another, and what ROS is told with each message."""

    def __init__(self) -> None:
        self._session = ""
        self._start = 0
        self._there: dict[Kind, OrderedDict[str, None]] = {}
        self._begin("")

    def publications(self, message: Message) -> list[Publication]:
        """What is published with this message, in order; nothing with most."""
        if message.session != self._session:
            self._begin(message.session)
        self._start = getattr(message, "start_unix_ns", 0) or self._start
        match message:
            case Session(state="ended"):
                return self._nobody()
            case Person():
                return self._person(message)
            case Face():
                return self._face(message)
            case Emotion():
                return self._speech(message)
            case Speaker(event="alias", alias_of=str(other)):
                return self._alias(message.speaker, other, message.time)
        return []

    def _begin(self, session: str) -> None:
        self._session = session
        self._there = {kind: OrderedDict() for kind in PLACES}

    def _id(self, kind: Kind, name: str) -> str:
        return letters(kind, self._session, name)

    def _at(self, seconds: float) -> int:
        return self._start + round(seconds * 1e9)

    def _is_there(self, kind: Kind, name: str, seconds: float) -> list[Publication]:
        """Somebody is there: told where that is news."""
        there, identifier = self._there[kind], self._id(kind, name)
        known = identifier in there
        there[identifier] = None
        there.move_to_end(identifier)
        if len(there) > MOST:
            there.popitem(last=False)
        return [] if known else [self._tracked(kind, seconds)]

    def _is_gone(self, kind: Kind, name: str, seconds: float) -> list[Publication]:
        there, identifier = self._there[kind], self._id(kind, name)
        if identifier not in there:
            return []
        del there[identifier]
        return [self._tracked(kind, seconds)]

    def _tracked(self, kind: Kind, seconds: float) -> Publication:
        ids = list(self._there[kind])
        topic = f"/humans/{PLACES[kind]}/tracked"
        return Publication(topic, "hri_msgs/IdsList", {"ids": ids}, self._at(seconds))

    def _nobody(self) -> list[Publication]:
        told = [kind for kind in PLACES if self._there[kind]]
        self._begin(self._session)
        return [self._tracked(kind, 0.0) for kind in told]

    def _person(self, person: Person) -> list[Publication]:
        if person.state == "away":
            return [
                *self._is_gone("voice", person.person, person.time),
                *self._is_gone("person", person.person, person.time),
            ]
        root, me = f"/humans/persons/{self._id('person', person.person)}", self._id("person", person.person)
        told = self._is_there("person", person.person, person.time)
        told.append(self._expression(root, person, self._at(person.time), person.source))
        if person.face is not None:
            face = self._id("face", face_name(person.source, person.face))
            told += [_string(f"{root}/face_id", face), _match("face", face, me)]
        if person.utterance is not None or person.speaking:
            voice = self._id("voice", person.person)
            told += self._is_there("voice", person.person, person.time)
            told += [_string(f"{root}/voice_id", voice), _match("voice", voice, me)]
            speaking = {"data": person.speaking}
            told.append(Publication(f"/humans/voices/{voice}/is_speaking", "std_msgs/Bool", speaking))
        return told

    def _face(self, face: Face) -> list[Publication]:
        name = face_name(face.source, face.track)
        if face.event == "lost":
            return self._is_gone("face", name, face.time)
        root, when = f"/humans/faces/{self._id('face', name)}", self._at(face.time)
        place = {
            "xmin": _within(face.box.left),
            "ymin": _within(face.box.top),
            "xmax": _within(face.box.right),
            "ymax": _within(face.box.bottom),
            "c": 1.0,  # it is one: others are not told of
        }
        told = self._is_there("face", name, face.time)
        told.append(
            Publication(f"{root}/roi", "hri_msgs/NormalizedRegionOfInterest2D", place, when, face.source)
        )
        if face.label is not None:
            told.append(self._expression(root, face, when, face.source))
        return told

    def _speech(self, label: Emotion) -> list[Publication]:
        """Words: those so far while somebody speaks, all of them at the end, and again where they came
        late."""
        if label.transcript is None:
            return []
        said = label.transcript
        ended = label.state != "partial"
        fields = {
            "incremental": "" if ended else said.text,
            "final": said.text if ended else "",
            "confidence": said.confidence or 0.0,  # which is what ROS has for one that is not known
            "locale": said.language or "",
        }
        told = self._is_there("voice", label.speaker.id, label.end)
        topic = f"/humans/voices/{self._id('voice', label.speaker.id)}/speech"
        told.append(Publication(topic, "hri_msgs/LiveSpeech", fields, self._at(label.end), label.source))
        return told

    def _alias(self, name: str, other: str, seconds: float) -> list[Publication]:
        told = [_string(f"/humans/persons/{self._id('person', name)}/alias", self._id("person", other))]
        told += self._is_gone("voice", name, seconds)
        return told + self._is_gone("person", name, seconds)

    def _expression(self, root: str, shown: Person | Face, when: int, source: str) -> Publication:
        fields = {
            "expression": ROS4HRI.get(shown.label or "", ""),
            "valence": NOT_KNOWN if shown.valence is None else shown.valence,
            "arousal": NOT_KNOWN if shown.arousal is None else shown.arousal,
            "confidence": shown.confidence or 0.0,
        }
        return Publication(f"{root}/expression", "hri_msgs/Expression", fields, when, source)


def face_name(source: str, track: int) -> str:
    """A face of ours: tracks are numbered within their feed."""
    return f"{source}/{track}"


def _string(topic: str, text: str) -> Publication:
    return Publication(topic, "std_msgs/String", {"data": text})


def _match(kind: Kind, identifier: str, person: str) -> Publication:
    """Whose a face or a voice is: the tracker has decided that, which is 1 to ROS."""
    fields = {
        "id1": identifier,
        "id1_type": ID_TYPES[kind],
        "id2": person,
        "id2_type": ID_TYPES["person"],
        "confidence": 1.0,
    }
    return Publication("/humans/candidate_matches", "hri_msgs/IdsMatch", fields)


def _within(place: float) -> float:
    """The part of a box that is in the picture: ROS wants 0 to 1."""
    return min(1.0, max(0.0, place))
