"""Who said what: each utterance is given to its speaker when it ends, and to another one where more of the
voices shows that it was theirs."""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emotrack.stream.labels.conversation import Conversation
from emotrack.stream.labels.fusing import FusedUtterance, Labeller
from emotrack.stream.labels.record import PublishedLabels
from emotrack.stream.labels.troubles import Troubles
from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerAssigner, SpeakerEvent
from emotrack.stream.utterances.feed import TrackedFeed
from emotrack.stream.utterances.utterance import Utterance
from emotrack.stream.wire.protocol.encoding import IDENTIFIER
from emotrack.stream.wire.protocol.messages import Emotion, Speaker
from emotrack.stream.wire.protocol.parts import OtherSpeech, SpeakerRef
from emotrack.stream.wire.publish.outbox import Outbox


@dataclass(slots=True)
class CommittedUtterance:
    """An utterance with its final label, as long as that may be revised."""

    number: int
    feed: int
    place: int
    """In the conversation."""
    fused: FusedUtterance
    heard: range
    """Its blocks."""
    edges: tuple[float, ...]
    """When they begin, and the last one ends, in session seconds."""


class Attribution:
    """Of one conversation. Utterances that change hands are, from then on, as if the other had said them all
    along."""

    def __init__(
        self,
        assigner: SpeakerAssigner,
        feeds: Mapping[int, TrackedFeed],
        labeller: Labeller,
        conversation: Conversation,
        published: PublishedLabels,
        troubles: Troubles,
        outbox: Outbox,
    ) -> None:
        self.assigner = assigner
        """Tells whose voice is whose."""
        self._feeds = feeds
        self._labeller = labeller
        self._conversation = conversation
        self._published = published
        self._troubles = troubles
        self._outbox = outbox
        self._committed: deque[CommittedUtterance] = deque(maxlen=labeller.revisions + 1)

    def snapshot(self) -> tuple[CommittedUtterance, ...]:
        """The utterances that may still change hands, without pictures."""
        return tuple(
            replace(one, fused=replace(one.fused, evidence=one.fused.evidence.bare))
            for one in self._committed
        )

    def restore(self, committed: Sequence[CommittedUtterance]) -> None:
        """Go on from there."""
        self._committed = deque(committed, self._committed.maxlen)

    def guess(self, utterance: Utterance) -> AssignedSpeaker:
        """Who is probably saying an utterance; changes nothing."""
        return self.assigner.guess(self._feeds[utterance.feed].name, utterance.heard)

    def identify(self, utterance: Utterance, end: float) -> AssignedSpeaker:
        """Who said an utterance that ended at session time `end`; who is new, or known by another name, is
        told."""
        name = self._feeds[utterance.feed].name
        try:
            speaker, events = self.assigner.assign(name, utterance.heard)
            for told in (speaker.id, *(event.speaker for event in events)):
                if not IDENTIFIER.fullmatch(told):
                    raise ValueError(f"{told[:50]!r} is no name of a speaker")
            if not math.isfinite(speaker.confidence):
                raise ValueError("how sure it is is no number")
        except Exception as failure:  # noqa: BLE001 - the label is still worth having
            self._troubles.failed("speaker", name, failure, end)
            return AssignedSpeaker(name, 0.0)
        self._troubles.worked("speaker", name)
        self._tell(events, end)
        return speaker

    def commit(self, utterance: Utterance, fused: FusedUtterance, place: int) -> None:
        """An utterance has its final label, and this place in the conversation."""
        self._committed.append(
            CommittedUtterance(
                utterance.number, utterance.feed, place, fused, utterance.heard, utterance.edges
            )
        )

    def complete(self, number: int, fused: FusedUtterance) -> None:
        """The words of an utterance have come."""
        for one in self._committed:
            if one.number == number:
                one.fused = fused

    def reconsider(self, feed: int, now: float) -> Iterator[tuple[Emotion, Mapping[int, np.ndarray]]]:
        """More was heard of a feed, up to session time `now`: the labels of utterances that change hands, and
        what else is revised with each, by utterance."""
        for one in self._committed:
            if one.feed != feed or not one.heard or one.number not in self._published:
                continue
            before = self._published[one.number].speaker
            speaker, events = self.assigner.reconsider(self._feeds[feed].name, one.heard, before.id)
            self._tell(events, now)
            if speaker is None:
                continue
            one.fused, live = self._labeller.amend(one.number, one.fused, speaker.id)
            self._conversation.reassign(one.place, speaker.id)
            revised = self._labeller.revised()
            values = revised.pop(one.number, live)
            theirs = SpeakerRef(id=speaker.id, confidence=share(speaker.confidence), face=before.face)
            others = others_in(speaker, one.heard, one.edges)
            yield self._published.reassign(one.number, values, one.fused, theirs, others), revised

    def _tell(self, events: Sequence[SpeakerEvent], time: float) -> None:
        for event in events:
            self._outbox.emit(
                Speaker(
                    event=event.event,
                    speaker=event.speaker,
                    alias_of=event.alias_of,
                    confidence=share(event.confidence),
                    time=round(time, 3),
                )
            )
            if event.alias_of is not None:  # what is revised from now on is said of who they are
                self._conversation.merge(event.speaker, event.alias_of)
                self._published.rename(event.speaker, event.alias_of)
                self._merge(event.speaker, event.alias_of, time)

    def _merge(self, speaker: str, into: str, time: float) -> None:
        """Tell the dialogue, too; where its network fails, they stay two to it, and no label is lost for
        that."""
        try:
            self._labeller.merge(speaker, into)
        except Exception as failure:  # noqa: BLE001 - whom labels are said of does not depend on it
            self._troubles.failed("amending", None, failure, time)


def others_in(speaker: AssignedSpeaker, heard: range, edges: Sequence[float]) -> tuple[OtherSpeech, ...]:
    """Who else spoke in an utterance of the blocks `heard`, which begin, and the last of which ends, at
    `edges`."""
    return tuple(
        OtherSpeech(
            speaker=other.speaker,
            start=round(edges[other.blocks.start - heard.start], 3),
            end=round(edges[other.blocks.stop - heard.start], 3),
        )
        for other in speaker.others
    )


def share(value: float) -> float:
    """A probability as messages carry it."""
    return round(min(max(value, 0.0), 1.0), 3)
