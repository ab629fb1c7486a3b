"""How far two accounts of the same media agree, by time and utterance by utterance."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emotrack.stream.views.report.facts.states import Band
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

SAME = 0.5
"""Share of the shorter one that must coincide: of two sessions' speech, and of two utterances."""

Pair = tuple[Emotion | None, Emotion | None]
"""One utterance in both accounts; None in the one that lacks it."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far the labels of two accounts agree, by time."""

    seconds: float
    """Time in which both have a label."""
    accuracy: float
    """Share of it in which that is the same."""
    kappa: float | None
    """Cohen's kappa: the same beyond chance; None where only one label occurs."""


def agreement(first: Conversation, second: Conversation, offset: float = 0.0) -> Agreement:
    """How far the labels agree while both sessions have one; where several speak, the label is that of who
    began last."""
    names: dict[str, int] = {}
    met: dict[tuple[int, int], float] = {}
    bands, others = over_time(first.utterances), over_time(second.utterances, offset)
    at = other = 0
    while at < len(bands) and other < len(others):
        one, another = bands[at], others[other]
        if (seconds := min(one.end, another.end) - max(one.start, another.start)) > 0:
            key = (names.setdefault(one.label, len(names)), names.setdefault(another.label, len(names)))
            met[key] = met.get(key, 0.0) + seconds
        if one.end <= another.end:
            at += 1
        else:
            other += 1
    table = np.zeros((len(names), len(names)))
    for key, seconds in met.items():
        table[key] = seconds
    whole = float(table.sum())
    if not whole:
        return Agreement(seconds=0.0, accuracy=0.0, kappa=None)
    same = float(np.trace(table)) / whole
    chance = float(table.sum(0) @ table.sum(1)) / whole**2
    return Agreement(
        seconds=whole, accuracy=same, kappa=(same - chance) / (1 - chance) if len(names) > 1 else None
    )


def over_time(utterances: Sequence[Emotion], offset: float = 0.0) -> list[Band]:
    """The label at each time, without overlaps: that of the utterance that began last and still lasts."""
    moments = sorted({time for one in utterances for time in (one.start, one.end)})
    waiting = sorted(utterances, key=lambda one: one.start, reverse=True)
    lasting: list[tuple[float, int, Emotion]] = []
    found = []
    for start, end in pairwise(moments):
        while waiting and waiting[-1].start <= start:
            one = waiting.pop()
            heapq.heappush(lasting, (-one.start, one.utterance, one))
        while lasting and lasting[0][2].end <= start:
            heapq.heappop(lasting)
        if lasting:
            found.append(Band(start + offset, end + offset, lasting[0][2].label))
    return found


def paired(first: Conversation, second: Conversation, offset: float) -> tuple[Pair, ...]:
    """Utterances of both sessions that are the same: that coincide for at least half of the shorter one,
    those that coincide best first, each once."""
    near = []
    later = list(second.utterances)
    begin = 0
    for one in first.utterances:
        while begin < len(later) and later[begin].end + offset <= one.start:
            begin += 1
        for other in later[begin:]:
            start, end = other.start + offset, other.end + offset
            if start >= one.end:
                break
            shared = min(one.end, end) - max(one.start, start)
            if shared > 0 and shared >= SAME * min(one.end - one.start, end - start):
                near.append((-shared / (max(one.end, end) - min(one.start, start)), one.start, one, other))
    near.sort(key=lambda found: found[:2])
    taken: dict[int, Emotion] = {}
    used: set[int] = set()
    for _, _, one, other in near:
        if one.utterance not in taken and other.utterance not in used:
            taken[one.utterance] = other
            used.add(other.utterance)
    pairs: list[Pair] = [(one, taken.get(one.utterance)) for one in first.utterances]
    pairs += [(None, other) for other in later if other.utterance not in used]
    return tuple(sorted(pairs, key=lambda pair: _began(pair, offset)))


def _began(pair: Pair, offset: float) -> float:
    one, other = pair
    if one is not None:
        return one.start
    assert other is not None
    return other.start + offset
