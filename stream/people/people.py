"""The people of a session: each with a steady state, from what they said and what their face shows.

Everything is a fold over the session's own messages (`emotion`, `speaker`, `face`), so that who replays them
finds the same people.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from emotrack.model.formats import valence_and_arousal
from emotrack.stream.people.enrolment.known import NOBODY
from emotrack.stream.people.expressions import RESTING_FACE, KeptFace, UsualFace
from emotrack.stream.people.face_messages import NOT_YET, FollowedFaces
from emotrack.stream.people.identities import Identities, KeptIdentities, KnownFaces, Track
from emotrack.stream.people.steady import KeptState, Pooled, SteadyState
from emotrack.stream.seeing.sightings import Sighting
from emotrack.stream.settings import PeopleSettings
from emotrack.stream.sources.timing.clock import RateGrid
from emotrack.stream.wire.protocol.messages import Emotion, Face, Person, Speaker
from emotrack.stream.wire.publish.outbox import Outbox

STEPS = 10.0
"""How often states are stepped, per second."""
WORDLESS_WEIGHT = 0.5
"""What a second of speech counts whose words are not known (yet)."""
LONGEST_LOOK = 1.0
"""Seconds that one message about a face stands for at most."""
TREND_SECONDS = 30
"""Seconds whose mean a trend is told against."""
MOVED = 0.02
"""Change of confidence, valence or arousal worth a message."""
MOST_PEOPLE = 64
"""Kept at once; those away for longest go first."""


@dataclass(slots=True)
class _Someone:
    """One person."""

    source: str
    state: SteadyState
    usual: UsualFace
    noticed: float
    """Session time at which they were seen or heard last."""
    unknown: bool = False
    """Whether nobody knows who it is, so that nobody will know them again."""
    face: Track | None = None
    looked: float | None = None
    open: int | None = None
    """Their utterance that goes on."""
    utterance: int | None = None
    baseline: int = 0
    course: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=TREND_SECONDS))
    """Valence and arousal of the last seconds, one a second."""
    seconds: RateGrid = field(default_factory=RateGrid)
    told: Person | None = None


@dataclass(frozen=True, slots=True)
class KeptPerson:
    """One person at rest."""

    source: str
    state: KeptState
    usual: KeptFace
    noticed: float
    unknown: bool
    face: Track | None
    looked: float | None
    open: int | None
    utterance: int | None
    baseline: int
    course: tuple[tuple[float, float], ...]
    told: Person | None


@dataclass(frozen=True, slots=True)
class KeptPeople:
    """The people of a session at rest."""

    people: dict[str, KeptPerson]
    speakers: dict[int, str]
    introduced: tuple[str, ...]
    identities: KeptIdentities


class People:
    """Owned by the loop, on whose thread all is done."""

    def __init__(
        self,
        outbox: Outbox,
        labels: Sequence[str],
        settings: PeopleSettings,
        *,
        one_each: bool = False,
        voiced: bool = False,
        faces: Mapping[str, np.ndarray] = NOBODY.faces,
    ) -> None:
        """`labels`: the session's vocabulary; `one_each`, `voiced`: see `Identities`; `faces`: those of whom
        is enrolled, by name."""
        self._outbox = outbox
        self._labels = tuple(labels)
        self._settings = settings
        self._identities = Identities(one_each, voiced)
        self._known_faces = KnownFaces(faces)
        self._faces = FollowedFaces(labels, settings.face_rate, self._identities)
        self._people: dict[str, _Someone] = {}
        self._speakers: dict[int, str] = {}
        self._said = outbox.follow()
        self._introduced: set[str] = set()
        """Speakers of whom it was told that they are there."""
        self._now = 0.0
        self._steps = RateGrid()

    def see(self, source: str, sighting: Sighting) -> None:
        """Tell of the faces in a frame of a feed."""
        for message in self._faces.see(source, sighting):
            self._outbox.emit(message)
            if message.event == "lost":
                self._known_faces.lose((source, message.track))
        for face in sighting.faces:
            if face.identity is not None:
                self._recognise((source, face.observation.track), face.identity)

    def close(self, source: str, reason: str) -> None:
        """Nothing more will be seen of a feed, at least for now."""
        for message in self._faces.close(source, reason):
            self._outbox.emit(message)
            self._known_faces.lose((source, message.track))

    def snapshot(self) -> KeptPeople:
        """All that is known of them."""
        people = {
            name: KeptPerson(
                one.source,
                KeptState(**one.state.snapshot()),  # type: ignore[typeddict-item]
                KeptFace(**one.usual.snapshot()),  # type: ignore[typeddict-item]
                one.noticed,
                one.unknown,
                one.face,
                one.looked,
                one.open,
                one.utterance,
                one.baseline,
                tuple(one.course),
                one.told,
            )
            for name, one in self._people.items()
        }
        return KeptPeople(
            people, dict(self._speakers), tuple(sorted(self._introduced)), self._identities.snapshot()
        )

    def restore(self, kept: KeptPeople, *, seen_again: bool) -> None:
        """Go on from there; `seen_again`: the same faces are followed, under the same numbers; else all that
        were there are gone. Raises `UserError` where it is damaged."""
        self._people.clear()
        for name, one in kept.people.items():
            state = SteadyState(self._labels, self._settings, 0.0)
            state.restore(one.state)
            usual = UsualFace(RESTING_FACE)
            usual.restore(one.usual)
            self._people[name] = _Someone(
                one.source,
                state,
                usual,
                one.noticed,
                one.unknown,
                one.face if seen_again else None,
                one.looked if seen_again else None,
                one.open if seen_again else None,
                one.utterance,
                one.baseline,
                deque(one.course, TREND_SECONDS),
                told=one.told,
            )
        self._speakers, self._introduced = dict(kept.speakers), set(kept.introduced)
        self._identities.restore(kept.identities, seen_again=seen_again)

    def turn(self, now: float) -> None:
        """Take in what has been published, and tell of people, at session time `now`."""
        self._now = max(self._now, now)
        for said in self._said:
            match said:
                case Emotion() as emotion:
                    self._hear(emotion)
                case Face() as face:
                    self._look(face)
                case Speaker(event="alias", speaker=before, alias_of=str(person)):
                    self._merge(before, person)
                case Speaker(event="new", speaker=name):
                    self._introduced.add(name)
        if self._steps.takes(now, STEPS):
            self._step_all(now)

    def finish(self, now: float) -> None:
        """The session is over: what was said last is told, too."""
        self.turn(now)
        self._step_all(now)

    def _step_all(self, now: float) -> None:
        for name, someone in list(self._people.items()):
            self._step(name, someone, now)

    def _someone(self, name: str, source: str, time: float) -> _Someone:
        found = self._people.get(name)
        if found is None:
            state = SteadyState(self._labels, self._settings, time)
            found = self._people[name] = _Someone(source, state, UsualFace(RESTING_FACE), time)
            if len(self._people) > MOST_PEOPLE:
                del self._people[min(self._people, key=lambda each: self._people[each].noticed)]
        found.noticed = max(found.noticed, time)
        return found

    def _hear(self, emotion: Emotion) -> None:
        """An utterance goes on, has ended, or is read anew. What is only seen of it is told by its face."""
        name, key = self._who(emotion), f"utterance {emotion.utterance}"
        speaking = emotion.state == "partial"
        for each, other in self._people.items():
            if other.open == emotion.utterance and (each != name or not speaking):
                other.open = None
        if speaking and not emotion.speaker.confidence:
            return  # a guess at nobody in particular
        if not any(emotion.modalities[modality].present for modality in ("text", "audio")):
            return
        before = self._speakers.get(emotion.utterance)
        passed_on = before is not None and before != name
        if passed_on and (thought := self._people.get(str(before))) is not None:
            thought.state.drop(key)
            if thought.state.knows_nothing and thought.face is None:  # they were only thought to be there
                thought.state.reset()
                thought.unknown, thought.noticed, thought.utterance = True, -math.inf, None
        weight = 1.0 if emotion.modalities["text"].present else WORDLESS_WEIGHT
        evidence = key, emotion.end, weight * max(emotion.end - emotion.start, 0.1), emotion.scores
        if emotion.state == "revised" and not passed_on:
            if name in self._people:
                self._people[name].state.revise(*evidence)
            return
        someone = self._someone(name, emotion.source, emotion.end)
        someone.source, someone.unknown = emotion.source, False
        someone.state.add(*evidence)
        someone.baseline = max([0, *(one.usual for one in emotion.modalities.values())])
        self._speakers[emotion.utterance] = name
        if len(self._speakers) > MOST_PEOPLE:
            del self._speakers[min(self._speakers)]
        if speaking:
            someone.open = emotion.utterance
            return
        someone.utterance = emotion.utterance
        if emotion.speaker.face is not None:
            for renamed in self._identities.speak((emotion.source, emotion.speaker.face), name):
                self._tell_alias(renamed.before, renamed.person)

    def _who(self, emotion: Emotion) -> str:
        """The speaker of an utterance; where their voice is nobody's yet, whoever has the face that said
        it."""
        speaker = emotion.speaker
        known = bool(speaker.confidence)
        return self._identities.who((emotion.source, speaker.face or 0), speaker.id, known=known)

    def _recognise(self, track: Track, face: np.ndarray) -> None:
        """A face was looked at for whose it is."""
        name = self._known_faces.look(track, face)
        for renamed in self._identities.know(track, name) if name is not None else ():
            self._tell_alias(renamed.before, renamed.person)

    def _look(self, face: Face) -> None:
        track = (face.source, face.track)
        for name, other in self._people.items():
            if other.face == track and (name != face.person or face.event == "lost"):
                other.face = other.looked = None
        if face.event == "lost" or face.reason == NOT_YET:
            return
        new = face.person not in self._people
        someone = self._someone(face.person, face.source, face.time)
        if new:
            someone.unknown = face.person == self._identities.own_name(track)
        if someone.face is None:
            someone.face, someone.source = track, face.source
        if someone.face != track:
            return  # they are seen in another feed already
        since, someone.looked = someone.looked, face.time
        seconds = 1 / self._settings.face_rate if since is None else min(LONGEST_LOOK, face.time - since)
        if face.scores is None or seconds <= 0:
            return
        shown = someone.usual.unusual(face.scores, seconds)
        if someone.open is None:  # else the utterance's own label has the face in it
            key = f"face {face.source} {face.track} {face.time}"
            someone.state.add(key, face.time, seconds, shown)

    def _tell_alias(self, before: str, person: str) -> None:
        """A face that had a name of its own is somebody's who is known, or has spoken."""
        now = round(self._now, 3)
        if person not in self._introduced:
            self._introduced.add(person)
            self._outbox.emit(Speaker(event="new", speaker=person, alias_of=None, confidence=None, time=now))
        self._outbox.emit(Speaker(event="alias", speaker=before, alias_of=person, confidence=None, time=now))

    def _merge(self, before: str, person: str) -> None:
        self._identities.rename(before, person)
        younger = self._people.pop(before, None)
        if younger is None:
            return
        older = self._people.get(person)
        if older is None:
            self._people[person] = younger
            younger.told = None
            return
        older.state.take(younger.state)
        older.noticed = max(older.noticed, younger.noticed)
        if older.face is None:
            older.face, older.looked = younger.face, younger.looked
        older.open = older.open if younger.open is None else younger.open
        older.utterance = max(
            (one for one in (older.utterance, younger.utterance) if one is not None), default=None
        )
        for utterance, name in self._speakers.items():
            if name == before:
                self._speakers[utterance] = person

    def _step(self, name: str, someone: _Someone, now: float) -> None:
        pooled = someone.state.step(now)
        if someone.told is None and not pooled.known:
            return  # nothing is known of who is merely there
        here = someone.face is not None or someone.open is not None
        present = here or now - someone.noticed < self._settings.away_seconds
        message = self._message(name, someone, "present" if present else "away", pooled, now)
        told = someone.told
        if (
            told is None
            or _differs(message, told)
            or (
                present and now - told.time >= 1 / self._settings.person_rate - 1e-6 and _moved(message, told)
            )
        ):
            someone.told = self._outbox.emit(message)
        if not present and someone.unknown:
            del self._people[name]

    def _message(
        self, name: str, someone: _Someone, state: Literal["present", "away"], pooled: Pooled, now: float
    ) -> Person:
        scores = pooled.scores
        valence, arousal = valence_and_arousal(scores)
        trend: tuple[float | None, float | None] = None, None
        if valence is not None and arousal is not None:
            if someone.seconds.takes(now, 1.0):
                someone.course.append((valence, arousal))
            usual = [sum(axis) / len(someone.course) for axis in zip(*someone.course, strict=True)]
            trend = valence - usual[0], arousal - usual[1]
        return Person(
            person=name,
            source=someone.source,
            state=state,
            time=round(now, 3),
            label=someone.state.label,
            since=round(someone.state.since, 3),
            confidence=_share(scores[someone.state.label]),
            scores={label: _share(share) for label, share in scores.items()},
            valence=_round(valence),
            arousal=_round(arousal),
            valence_trend=_round(trend[0]),
            arousal_trend=_round(trend[1]),
            known=round(pooled.known, 2),
            baseline=someone.baseline,
            face=None if someone.face is None else someone.face[1],
            speaking=someone.open is not None,
            utterance=someone.utterance,
        )


def _differs(one: Person, other: Person) -> bool:
    """Whether two messages tell different things of a person, and not only other numbers."""
    return any(
        getattr(one, name) != getattr(other, name)
        for name in ("state", "label", "face", "speaking", "utterance", "source")
    )


def _moved(one: Person, other: Person) -> bool:
    return any(
        abs((getattr(one, name) or 0.0) - (getattr(other, name) or 0.0)) >= MOVED
        for name in ("confidence", "valence", "arousal")
    )


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 4)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
