"""Gives each utterance to a speaker, and tells when a speaker is new or turns out to be another one."""

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.voices import ResemblyzerVoices, VoiceClusters, VoiceEmbedder


@dataclass(frozen=True, slots=True)
class AssignedSpeaker:
    """Who spoke, and how sure that is (0 to 1)."""

    id: str
    confidence: float


@dataclass(frozen=True, slots=True)
class SpeakerEvent:
    """A speaker heard for the first time, or one (`speaker`) that is from now on known as an earlier one
    (`alias_of`)."""

    event: Literal["new", "alias"]
    speaker: str
    alias_of: str | None
    confidence: float


class SpeakerAssigner(Protocol):
    """Called by one thread, once for each utterance in the order of their endpoints; the answers depend on
    nothing else."""

    def assign(
        self, feed: str, audio_16k: np.ndarray, start: float, end: float
    ) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """Who said the utterance of `feed` from `start` to `end` (session seconds, audio float32 [n] at 16
        kHz, perhaps empty).

        The events come first: after them the speaker is known.
        """
        ...

    def guess(self, feed: str) -> AssignedSpeaker:
        """Who is probably saying the utterance that is still open on `feed`; changes nothing."""
        ...


class NamedSpeakers:
    """One speaker for all feeds, or one for each, named after it."""

    def __init__(self, *, per_feed: bool) -> None:
        self._per_feed = per_feed
        self._known: set[str] = set()

    def assign(
        self, feed: str, audio_16k: np.ndarray, start: float, end: float
    ) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        speaker = self.guess(feed)
        new = speaker.id not in self._known
        self._known.add(speaker.id)
        return speaker, [SpeakerEvent("new", speaker.id, None, 1.0)] if new else []

    def guess(self, feed: str) -> AssignedSpeaker:
        """See `SpeakerAssigner.guess`."""
        return AssignedSpeaker(feed if self._per_feed else "spk1", 1.0)


class VoicedSpeakers:
    """Speakers told apart by their voices, in whichever feed they are heard."""

    def __init__(self, embedder: VoiceEmbedder, settings: SpeakerSettings) -> None:
        self._embedder = embedder
        self._clusters = VoiceClusters(settings)
        self._latest: dict[str, AssignedSpeaker] = {}
        self._known: set[str] = set()

    def assign(
        self, feed: str, audio_16k: np.ndarray, start: float, end: float
    ) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        embedding = self._embedder.embed(audio_16k)
        if embedding is None:
            speaker = self.guess(feed)
            return speaker, self._introduce(speaker)
        heard = self._clusters.hear(embedding, len(audio_16k) / self._embedder.rate)
        speaker = AssignedSpeaker(_name(heard.speaker), heard.confidence)
        events = self._introduce(speaker)
        for younger, older, likeness in heard.merged:
            events.append(SpeakerEvent("alias", _name(younger), _name(older), likeness))
            renamed = {_name(younger): _name(older)}
            speaker = AssignedSpeaker(renamed.get(speaker.id, speaker.id), speaker.confidence)
            self._latest = {
                name: AssignedSpeaker(renamed.get(latest.id, latest.id), latest.confidence)
                for name, latest in self._latest.items()
            }
        self._latest[feed] = speaker
        return speaker, events

    def guess(self, feed: str) -> AssignedSpeaker:
        """The last one heard on the feed, at half the confidence: a voice is known only when its utterance is
        over."""
        latest = self._latest.get(feed)
        return (
            AssignedSpeaker(_name(1), 0.0)
            if latest is None
            else AssignedSpeaker(latest.id, latest.confidence / 2)
        )

    def _introduce(self, speaker: AssignedSpeaker) -> list[SpeakerEvent]:
        if speaker.id in self._known:
            return []
        self._known.add(speaker.id)
        return [SpeakerEvent("new", speaker.id, None, speaker.confidence)]


class ApartSpeakers:
    """The speakers of one feed whose conversation is its own: their names begin with the feed's, and are
    nobody's elsewhere."""

    def __init__(self, within: SpeakerAssigner) -> None:
        self._within = within

    def assign(
        self, feed: str, audio_16k: np.ndarray, start: float, end: float
    ) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        speaker, events = self._within.assign(feed, audio_16k, start, end)
        return _of(feed, speaker), [
            replace(
                event,
                speaker=f"{feed}-{event.speaker}",
                alias_of=event.alias_of and f"{feed}-{event.alias_of}",
            )
            for event in events
        ]

    def guess(self, feed: str) -> AssignedSpeaker:
        """See `SpeakerAssigner.guess`."""
        return _of(feed, self._within.guess(feed))


def make_assigners(settings: SpeakerSettings, conversations: int) -> list[SpeakerAssigner]:
    """One assigner for each conversation, as `settings` ask for; raises `UserError` where mode `voice` lacks
    its package."""
    if settings.mode == "feed":
        return [NamedSpeakers(per_feed=True) for _ in range(conversations)]
    voices = ResemblyzerVoices() if settings.mode == "voice" else None
    assigners: list[SpeakerAssigner] = [
        NamedSpeakers(per_feed=False) if voices is None else VoicedSpeakers(voices, settings)
        for _ in range(conversations)
    ]
    return (
        [ApartSpeakers(assigner) for assigner in assigners]
        if settings.conversations == "apart"
        else assigners
    )


def _of(feed: str, speaker: AssignedSpeaker) -> AssignedSpeaker:
    return replace(speaker, id=f"{feed}-{speaker.id}")


def _name(speaker: int) -> str:
    return f"spk{speaker}"
