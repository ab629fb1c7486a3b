"""Gives each utterance to a speaker, and tells when a speaker is new or turns out to be another one."""

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.clusters import Merged, VoiceClusters
from emotrack.stream.speakers.listening import Listening
from emotrack.stream.speakers.timeline import Spoken, Timeline

ACTIVE = 0.5
"""Probability from which on somebody else speaks too."""
SHORTEST = 9
"""Blocks under which they do not."""


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


class SpeakerAssigner(Protocol):
    """Called by one thread, once for each utterance in the order of their endpoints; the answers depend on
    nothing else."""

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """Who said the utterance of `feed` that is these blocks of its sound, perhaps none.

        The events come first: after them the speaker is known.
        """
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

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        """See `SpeakerAssigner.guess`."""
        return AssignedSpeaker(feed if self._per_feed else "spk1", 1.0)


class VoicedSpeakers:
    """Speakers told apart by their voices, in whichever feed they are heard."""

    def __init__(self, settings: SpeakerSettings) -> None:
        self._settings = settings
        self._clusters = VoiceClusters(settings)
        self._timelines: dict[str, Timeline] = {}
        self._latest: dict[str, AssignedSpeaker] = {}
        self._merged: list[Merged] = []
        self._known: set[str] = set()

    @property
    def voices(self) -> "VoicedSpeakers":
        """See `SpeakerAssigner.voices`."""
        return self

    def timeline(self, feed: str) -> Timeline:
        """Who speaks when on a feed."""
        return self._timelines.setdefault(feed, Timeline(feed, self._clusters))

    def learn(self, feed: str, listening: Listening) -> None:
        """Take what was heard of a feed."""
        self._merged += self._clusters.learn(feed, listening.windows)

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        events = [event for merged in self._merged for event in self._rename(merged)]
        self._merged.clear()
        speaker = self.guess(feed, blocks)
        if speaker.id not in self._known:
            self._known.add(speaker.id)
            events.append(SpeakerEvent("new", speaker.id, None, speaker.confidence))
        if not blocks:
            return speaker, events
        self._latest[feed] = speaker
        spoken = self.timeline(feed).between(blocks.start, blocks.stop)
        return replace(speaker, others=_others(spoken, blocks.start, speaker.id)), events

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        """Who speaks most in these blocks; else the last one heard on the feed, at half the confidence.

        Who is only seen is told by no voice, and is called as the feed is."""
        if not blocks:
            return AssignedSpeaker(feed, 0.0)
        spoken = self.timeline(feed).between(blocks.start, blocks.stop)
        shares = (spoken.activity * spoken.speech[:, None]).sum(0)
        if not len(shares) or shares.max() <= 0:
            latest = self._latest.get(feed, AssignedSpeaker(_name(1), 0.0))
            return replace(latest, confidence=latest.confidence / 2)
        number = spoken.speakers[int(shares.argmax())]
        familiarity = min(1.0, self._clusters.seconds(number) / self._settings.enough_speech)
        return AssignedSpeaker(_name(number), float(shares.max() / shares.sum()) * familiarity)

    def _rename(self, merged: Merged) -> list[SpeakerEvent]:
        younger, older = _name(merged.younger), _name(merged.older)
        self._latest = {
            feed: replace(latest, id=older) if latest.id == younger else latest
            for feed, latest in self._latest.items()
        }
        if younger not in self._known:  # nothing was ever said of them
            return []
        self._known.discard(younger)
        new = [] if older in self._known else [SpeakerEvent("new", older, None, 1.0)]
        self._known.add(older)
        return [*new, SpeakerEvent("alias", younger, older, merged.likeness)]


class ApartSpeakers:
    """The speakers of one feed whose conversation is its own: their names begin with the feed's, and are
    nobody's elsewhere."""

    def __init__(self, within: SpeakerAssigner) -> None:
        self._within = within

    @property
    def voices(self) -> VoicedSpeakers | None:
        """See `SpeakerAssigner.voices`."""
        return self._within.voices

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        speaker, events = self._within.assign(feed, blocks)
        return _of(feed, speaker), [
            replace(
                event,
                speaker=f"{feed}-{event.speaker}",
                alias_of=event.alias_of and f"{feed}-{event.alias_of}",
            )
            for event in events
        ]

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        """See `SpeakerAssigner.guess`."""
        return _of(feed, self._within.guess(feed, blocks))


def make_assigners(settings: SpeakerSettings, conversations: int) -> list[SpeakerAssigner]:
    """One assigner for each conversation, as `settings` ask for."""
    match settings.mode:
        case "voice":
            return [_apart(VoicedSpeakers(settings), settings) for _ in range(conversations)]
        case "single":
            return [_apart(NamedSpeakers(per_feed=False), settings) for _ in range(conversations)]
        case _:
            return [NamedSpeakers(per_feed=True) for _ in range(conversations)]


def _apart(assigner: SpeakerAssigner, settings: SpeakerSettings) -> SpeakerAssigner:
    return ApartSpeakers(assigner) if settings.conversations == "apart" else assigner


def _of(feed: str, speaker: AssignedSpeaker) -> AssignedSpeaker:
    others = tuple(replace(other, speaker=f"{feed}-{other.speaker}") for other in speaker.others)
    return replace(speaker, id=f"{feed}-{speaker.id}", others=others)


def _others(spoken: Spoken, first: int, speaker: str) -> tuple[OtherTurn, ...]:
    """Who but `speaker` speaks in what was spoken from block `first` on."""
    return tuple(
        OtherTurn(_name(number), range(first + begin, first + end))
        for place, number in enumerate(spoken.speakers)
        if _name(number) != speaker
        for begin, end in _stretches((spoken.activity[:, place] > ACTIVE) & (spoken.speech > ACTIVE))
    )


def _stretches(active: np.ndarray) -> list[tuple[int, int]]:
    """Where it is true for long enough: first place, and the one after the last."""
    edges = np.flatnonzero(np.diff(np.pad(active.astype(np.int8), 1)))
    return [(begin, end) for begin, end in edges.reshape(-1, 2).tolist() if end - begin >= SHORTEST]


def _name(speaker: int) -> str:
    return f"spk{speaker}"
