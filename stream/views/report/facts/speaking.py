"""Who spoke how long: seconds, shares, turns, and how much of it over one another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from emotrack.stream.views.monitor.view import speaks
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

Span = tuple[float, float]
"""Session time from and until, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Speaking:
    """What one person said, in seconds and numbers."""

    person: str
    seconds: float
    """Time in which they spoke."""
    share: float
    """Of what all spoke together, from 0 to 1."""
    turns: int
    """Runs of utterances that nobody else's interrupts."""
    utterances: int
    longest: float
    """Seconds of their longest turn, pauses in it included."""
    overlapped: float
    """Seconds of theirs in which somebody else spoke, too."""


def spoken(conversation: Conversation) -> tuple[Emotion, ...]:
    """The utterances in which somebody spoke; the others are windows over people who are only seen."""
    return tuple(one for one in conversation.utterances if speaks(one))


def spans_of(conversation: Conversation) -> dict[str, list[Span]]:
    """When each person spoke, by their own utterances and by short answers within those of others; spans of
    one person do not overlap."""
    found: dict[str, list[Span]] = {}
    for one in spoken(conversation):
        found.setdefault(one.speaker.id, []).append((one.start, one.end))
        for other in one.others:
            found.setdefault(other.speaker, []).append((other.start, other.end))
    return {person: united(spans) for person, spans in found.items()}


def speaking(conversation: Conversation) -> tuple[Speaking, ...]:
    """Everybody who spoke, in order of first appearance."""
    spans = spans_of(conversation)
    whole = sum(map(length, spans.values()))
    utterances = spoken(conversation)
    turns = [list(run) for _, run in groupby(utterances, key=lambda one: one.speaker.id)]
    found = []
    for person, own in spans.items():
        mine = [turn for turn in turns if turn[0].speaker.id == person]
        others = united(span for name, theirs in spans.items() if name != person for span in theirs)
        found.append(
            Speaking(
                person=person,
                seconds=length(own),
                share=length(own) / whole if whole else 0.0,
                turns=len(mine),
                utterances=sum(map(len, mine)),
                longest=max((max(one.end for one in turn) - turn[0].start for turn in mine), default=0.0),
                overlapped=length(common(own, others)),
            )
        )
    return tuple(found)


def overlap(conversation: Conversation) -> float:
    """Seconds in which two or more spoke at once."""
    spans = list(spans_of(conversation).values())
    heard: list[Span] = []
    twice: list[Span] = []
    for own in spans:
        twice += common(heard, own)
        heard = united([*heard, *own])
    return length(united(twice))


def united(spans: Iterable[Span]) -> list[Span]:
    """The time that any of the spans covers, as spans that do not touch."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def common(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """The time that both cover; each in order and without overlaps of its own."""
    found, at, other = [], 0, 0
    while at < len(first) and other < len(second):
        start, end = max(first[at][0], second[other][0]), min(first[at][1], second[other][1])
        if start < end:
            found.append((start, end))
        if first[at][1] <= second[other][1]:
            at += 1
        else:
            other += 1
    return found


def length(spans: Iterable[Span]) -> float:
    """Seconds of spans that do not overlap."""
    return sum(end - start for start, end in spans)
