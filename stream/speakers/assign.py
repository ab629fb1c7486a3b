"""Gives each utterance to a speaker, and tells when a speaker is new or turns out to be another one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from emotrack.stream.people.enrolment.known import NOBODY, recognised
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.clusters import Merged, RememberedVoices, VoiceClusters, Voices
from emotrack.stream.speakers.ear import Heard, Listener, VoiceEar
from emotrack.stream.speakers.enrolled import HEARD_SECONDS, KNOWN
from emotrack.stream.speakers.timeline import Spoken, Timeline

ACTIVE = 0.5
"""Probability from which on somebody else speaks too."""
LEAST_OVERLAP = 9
"""Blocks under which they do not."""
ENOUGH = 32
"""Blocks of an utterance that goes on in which somebody is known to speak, for who it is to be sure: a
second."""
CLEARLY = 0.7
"""Part of what was said in an utterance from which on it is given to another speaker than the one told."""


@dataclass(frozen=True, slots=True)
class SpeakerEvent:
    """A speaker heard for the first time, or one (`speaker`) that is from now on known as an earlier one
    (`alias_of`)."""

    event: Literal["new", "alias"]
    speaker: str
    alias_of: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class OtherTurn:
    """Somebody else who speaks within an utterance, in these blocks of its feed."""

    speaker: str
    blocks: range


@dataclass(frozen=True, slots=True)
class AssignedSpeaker:
    """Who spoke, and how sure that is (0 to 1)."""

    id: str
    confidence: float
    others: tuple[OtherTurn, ...] = ()
    """Who else spoke meanwhile, over them or in short answers, as far as is known."""


@dataclass(frozen=True, slots=True)
class KeptSpeakers:
    """The speakers of a conversation at rest."""

    known: tuple[str, ...]
    """Those who were told of."""
    names: dict[int, str] = field(default_factory=dict)
    renamed: tuple[tuple[str, str, float], ...] = ()
    latest: dict[str, AssignedSpeaker] = field(default_factory=dict)
    voices: RememberedVoices | None = None


class SpeakerAssigner(Protocol):
    """Called by one thread, once for each utterance in the order of their endpoints; the answers depend on
    nothing else."""

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """Who said the utterance of `feed` that is these blocks of its sound, perhaps none.

        The events come first: after them the speaker is known.
        """
        ...

    def reconsider(
        self, feed: str, blocks: range, speaker: str
    ) -> tuple[AssignedSpeaker | None, list[SpeakerEvent]]:
        """Who said an utterance that was given to `speaker`, where it turns out to be somebody else, and what
        is told before that."""
        ...

    def snapshot(self) -> KeptSpeakers:
        """Who they are so far."""
        ...

    def restore(self, kept: KeptSpeakers, *, heard_again: bool) -> None:
        """Go on from there. `heard_again`: the ears have heard all of it once more, and know the voices.
        Raises `UserError` where it is damaged."""
        ...

    @property
    def voices(self) -> "VoicedSpeakers | None":
        """What knows them by their voices, where something does."""
        ...

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        """Who is probably saying the utterance that is still open on `feed`, of which these blocks were
        heard; changes nothing."""
        ...


class NamedSpeakers:
    """One speaker for all feeds, or one for each, named after it."""

    voices = None

    def __init__(self, *, per_feed: bool) -> None:
        self._per_feed = per_feed
        self._known: set[str] = set()

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        speaker = self.guess(feed, blocks)
        new = speaker.id not in self._known
        self._known.add(speaker.id)
        return speaker, [SpeakerEvent("new", speaker.id, None, 1.0)] if new else []

    def snapshot(self) -> KeptSpeakers:
        """See `SpeakerAssigner.snapshot`."""
        return KeptSpeakers(tuple(sorted(self._known)))

    def restore(self, kept: KeptSpeakers, *, heard_again: bool) -> None:
        """See `SpeakerAssigner.restore`."""
        self._known = set(kept.known)

    def reconsider(self, feed: str, blocks: range, speaker: str) -> tuple[None, list[SpeakerEvent]]:
        """See `SpeakerAssigner.reconsider`."""
        return None, []

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        """See `SpeakerAssigner.guess`."""
        return AssignedSpeaker(feed if self._per_feed else "spk1", 1.0)


class VoicedSpeakers:
    """Speakers told apart by their voices, in whichever feed they are heard; those who are enrolled bear
    their names."""

    def __init__(self, settings: SpeakerSettings, people: Mapping[str, np.ndarray] = NOBODY.voices) -> None:
        """`people`: the voices of those who are enrolled, by name."""
        self._settings = settings
        self._people = people
        self._clusters = VoiceClusters(settings)
        """Learns on the thread of the ears; what it has learnt comes back with what they heard."""
        self._voices = Voices()
        self._timelines: dict[str, Timeline] = {}
        self._latest: dict[str, AssignedSpeaker] = {}
        self._names: dict[int, str] = {}
        """Who is known by name."""
        self._renamed: list[tuple[str, str, float]] = []
        """Who is to be called otherwise from the next utterance on, and how sure that is."""
        self._known: set[str] = set()

    @property
    def voices(self) -> "VoicedSpeakers":
        """See `SpeakerAssigner.voices`."""
        return self

    def snapshot(self) -> KeptSpeakers:
        """See `SpeakerAssigner.snapshot`."""
        return KeptSpeakers(
            tuple(sorted(self._known)),
            dict(self._names),
            tuple(self._renamed),
            dict(self._latest),
            self._voices.remembered,
        )

    def restore(self, kept: KeptSpeakers, *, heard_again: bool) -> None:
        """See `SpeakerAssigner.restore`; before any ear has begun, or after it has heard all that counts."""
        if not heard_again and kept.voices is not None:
            self._clusters.restore(kept.voices)
            self._voices = self._clusters.voices
        self._known, self._renamed = set(kept.known), list(kept.renamed)
        self._names, self._latest = dict(kept.names), dict(kept.latest)

    def ear(self, feed: str, listener: Listener) -> VoiceEar:
        """What listens to a feed by `listener`, on the thread that all ears of the conversation share."""
        return VoiceEar(feed, listener, self._clusters)

    def take(self, feed: str, heard: Heard) -> None:
        """Take what was heard of a feed."""
        if heard.voices.learnt > self._voices.learnt:  # that of another feed may have come back before
            before, self._voices = self._voices, heard.voices
            for younger, merged in heard.voices.merged.items():
                if younger not in before.merged:
                    self._merge(merged)
            self._recognise()
        self._timeline(feed).add(heard.listening, self._voices)

    def between(self, feed: str, first: int, end: int) -> Spoken:
        """Who speaks in these blocks of a feed, as far as is known now."""
        return self._timeline(feed).between(first, end, self._voices)

    def _timeline(self, feed: str) -> Timeline:
        return self._timelines.setdefault(feed, Timeline(feed))

    def _merge(self, merged: Merged) -> None:
        before = self._name(merged.younger), self._name(merged.older)
        if merged.younger in self._names:
            self._names.setdefault(merged.older, self._names.pop(merged.younger))
        after = self._name(merged.older)
        self._renamed += [(one, after, merged.likeness) for one in before if one != after]

    def _recognise(self) -> None:
        """Who is enrolled is called by their name from now on."""
        for number, voice in self._voices.known.items() if self._people else ():
            if number in self._names or voice.seconds < HEARD_SECONDS:
                continue
            if (name := recognised(voice.embedding, self._people, KNOWN)) is not None:
                likeness = float(voice.embedding @ self._people[name])
                self._renamed.append((self._name(number), name, likeness))
                self._names[number] = name

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        events = self._take_renamed()
        spoken = self.between(feed, blocks.start, blocks.stop)
        speaker = self._whose(feed, spoken)
        if spoken.activity.size and spoken.activity.max() > 0:
            self._latest[feed] = speaker
        return self._with_others(speaker, spoken, blocks, events)

    def reconsider(
        self, feed: str, blocks: range, speaker: str
    ) -> tuple[AssignedSpeaker | None, list[SpeakerEvent]]:
        """See `SpeakerAssigner.reconsider`."""
        events = self._take_renamed()
        spoken = self.between(feed, blocks.start, blocks.stop)
        if not (shares := _shares(spoken)) or max(shares.values()) < CLEARLY:
            return None, events
        for event in events:  # by which they are told to be somebody else without any further ado
            if event.alias_of is not None and event.speaker == speaker:
                speaker = event.alias_of
        if (now := self._whose(feed, spoken)).id == speaker:
            return None, events
        return self._with_others(now, spoken, blocks, events)

    def _with_others(
        self, speaker: AssignedSpeaker, spoken: Spoken, blocks: range, events: list[SpeakerEvent]
    ) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """The speaker with who else spoke meanwhile, and `events` with those of whom nothing was told yet."""
        others = tuple(
            OtherTurn(self._name(number), range(blocks.start + begin, blocks.start + end))
            for place, number in enumerate(spoken.speakers)
            if self._name(number) != speaker.id
            for begin, end in _stretches((spoken.activity[:, place] > ACTIVE) & (spoken.speech > ACTIVE))
        )
        for other in others:
            events += self._introduce(other.speaker, 1.0)
        events += self._introduce(speaker.id, speaker.confidence)
        return replace(speaker, others=others), events

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        """Who speaks most in these blocks, if they were told of; else the last one heard on the feed, at half
        the confidence."""
        spoken = self.between(feed, blocks.start, blocks.stop)
        speaker = self._whose(feed, spoken)
        if speaker.id not in self._known and blocks:
            return self._last_heard(feed)
        # What was listened to of a turn that has just begun may be the end of another's.
        heard = float((spoken.first_voice >= 0).sum()) / ENOUGH
        return replace(speaker, confidence=speaker.confidence * min(1.0, heard))

    def _whose(self, feed: str, spoken: Spoken) -> AssignedSpeaker:
        """Who is only seen is told by no voice, and is called as the feed is."""
        if not len(spoken.speech):
            return AssignedSpeaker(feed, 0.0)
        if not (shares := _shares(spoken)):
            return self._last_heard(feed)
        number = max(shares, key=lambda one: shares[one])
        known = self._voices.known.get(number)
        familiarity = min(1.0, (0.0 if known is None else known.seconds) / self._settings.enough_speech)
        return AssignedSpeaker(self._name(number), shares[number] * familiarity)

    def _last_heard(self, feed: str) -> AssignedSpeaker:
        latest = self._latest.get(feed, AssignedSpeaker(feed, 0.0))
        return replace(latest, confidence=latest.confidence / 2)

    def _name(self, number: int) -> str:
        return self._names.get(number, _numbered(number))

    def _introduce(self, name: str, confidence: float) -> list[SpeakerEvent]:
        if name in self._known:
            return []
        self._known.add(name)
        return [SpeakerEvent("new", name, None, confidence)]

    def _take_renamed(self) -> list[SpeakerEvent]:
        """Who is called otherwise from now on."""
        events = [event for renamed in self._renamed for event in self._rename(*renamed)]
        self._renamed.clear()
        return events

    def _rename(self, before: str, after: str, likeness: float) -> list[SpeakerEvent]:
        self._latest = {
            feed: replace(latest, id=after) if latest.id == before else latest
            for feed, latest in self._latest.items()
        }
        if before not in self._known:  # nothing was ever said of them
            return []
        self._known.discard(before)
        return [*self._introduce(after, 1.0), SpeakerEvent("alias", before, after, min(1.0, likeness))]


def _shares(spoken: Spoken) -> dict[int, float]:
    """Whose part of what was said is how large, summing to 1; of nobody where nobody is known to speak."""
    if not spoken.speakers or not len(spoken.speech):
        return {}
    active = (spoken.activity * spoken.speech[:, None]).sum(0)
    whole = float(active.sum())
    return dict(zip(spoken.speakers, (active / whole).tolist(), strict=True)) if whole > 0 else {}


def _stretches(active: np.ndarray) -> list[tuple[int, int]]:
    """Where it is true for long enough: first place, and the one after the last."""
    edges = np.flatnonzero(np.diff(np.pad(active.astype(np.int8), 1)))
    return [(begin, end) for begin, end in edges.reshape(-1, 2).tolist() if end - begin >= LEAST_OVERLAP]


def _numbered(speaker: int) -> str:
    return f"spk{speaker}"
