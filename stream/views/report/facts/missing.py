"""What was not there, when and why: modalities, feeds, and work that was left out."""

from collections.abc import Iterable
from dataclasses import dataclass

from emotrack.modalities import MODALITIES
from emotrack.stream.wire.protocol.messages import Feed
from emotrack.stream.wire.recordings.conversation import Conversation

MOST = 12
"""Modalities that are told of; the tracker has four."""
ENDING = ("end of file",)
"""Why a feed goes down when nothing is amiss."""
MEANINGS = {
    "encoder failed": "it could not be started",
    "failed": "reading it failed for a while",
    "language": "in a language that is not understood",
    "late": "the words came too late for the label",
    "no encoder": "nothing was installed that reads it",
    "no recogniser": "no speech recogniser was there",
    "no frame": "no picture was looked at meanwhile",
    "no speech": "nobody spoke meanwhile",
    "policy": "not allowed in this session",
    "shed": "left out, as the machine was too busy",
    "switched off": "left out on request",
    "untrained": "the network has not learnt to use it",
    "user": "left out on request",
}
"""Reasons that do not say enough to somebody who has not read about them."""


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A modality that labels were made without, for one reason."""

    modality: str
    reason: str
    imputed: bool
    """Whether what it would have shown was estimated from the others."""
    utterances: int
    seconds: float
    first: float
    """Session time of the first utterance."""
    last: float
    """Session time at which the last one ended."""


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A time in which a feed, or one medium of it, was down or worse than it should be."""

    source: str
    medium: str | None
    state: str
    reason: str
    start: float
    end: float


def modalities(conversation: Conversation) -> tuple[str, ...]:
    """Those that labels tell of, the usual ones first; not more than a picture has room for."""
    told = {name for one in conversation.utterances for name in one.modalities}
    return (*(name for name in MODALITIES if name in told), *sorted(told - set(MODALITIES)))[:MOST]


def missing(conversation: Conversation) -> tuple[Missing, ...]:
    """What labels were made without, by modality and reason, the most frequent first."""
    found: dict[tuple[str, str, bool], list[tuple[float, float]]] = {}
    order = modalities(conversation)
    for one in conversation.utterances:
        for name, state in one.modalities.items():
            if not state.present and name in order:
                found.setdefault((name, state.reason or "", state.imputed), []).append((one.start, one.end))
    told = [
        Missing(
            modality=name,
            reason=reason,
            imputed=imputed,
            utterances=len(spans),
            seconds=sum(end - start for start, end in spans),
            first=spans[0][0],
            last=max(end for _, end in spans),
        )
        for (name, reason, imputed), spans in found.items()
    ]
    return tuple(sorted(told, key=lambda one: (order.index(one.modality), -one.utterances, one.reason)))


def outages(conversation: Conversation) -> tuple[Outage, ...]:
    """When feeds were down or degraded, in order; a source that came to its end is none."""
    open_ones: dict[tuple[str, str | None], Feed] = {}
    found: list[Outage] = []
    for one in conversation.feeds:
        key = (one.source, one.medium)
        if (before := open_ones.pop(key, None)) is not None:
            found += _lasted(before, one.time)
        if one.state != "up" and one.reason not in ENDING:
            open_ones[key] = one
    for before in open_ones.values():
        found += _lasted(before, conversation.end)
    return tuple(sorted(found, key=lambda one: (one.start, one.source, one.medium or "")))


def _lasted(feed: Feed, end: float) -> Iterable[Outage]:
    if end > feed.time:
        yield Outage(
            source=feed.source,
            medium=feed.medium,
            state=feed.state,
            reason=feed.reason or "",
            start=feed.time,
            end=end,
        )


def left_out(conversation: Conversation) -> dict[str, int]:
    """Work that was left out or lost, counted by kind, as the last heartbeat has it."""
    if not conversation.heartbeats:
        return {}
    last = conversation.heartbeats[-1]
    counts = {**{f"{kind} left out": number for kind, number in last.shed.items()}}
    counts |= {f"{kind} dropped": number for kind, number in last.dropped.items()}
    return {kind.replace("_", " "): number for kind, number in counts.items() if number}


def shedding(conversation: Conversation) -> int:
    """Heartbeats, one a second, at which something was being left out."""
    return sum(bool(one.shedding) for one in conversation.heartbeats)


def meaning(reason: str) -> str:
    """A reason as it is told to somebody who has not read about reasons."""
    return next((text for known, text in MEANINGS.items() if reason == known), reason or "no reason given")
