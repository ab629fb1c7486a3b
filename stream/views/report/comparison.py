"""Two sessions beside each other: two accounts of the same media, aligned by time, or two occasions.

They are of the same media where their sources are the same and at least half of what was said in the shorter
one was said at the same time in the other: of files by session time, else by the clock.
"""

import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from emotrack.stream.views.report.panels import shares
from emotrack.stream.views.report.speaking import Span, common, length, spans_of, united
from emotrack.stream.views.report.states import Band
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

DRAWS = 2_000
"""Bootstrap samples of an interval."""
COVERED = 95
"""Percent of them that an interval holds."""
SAME = 0.5
"""Share of the shorter one that must coincide: of two sessions' speech, and of two utterances."""
NUMBERED = re.compile(r"spk\d+|.+-face\d+")
"""Names that are given anew in each session."""


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over utterances, with the interval that holds most bootstrap samples of them."""

    mean: float
    low: float | None
    """None where one utterance alone tells nothing of how much they vary."""
    high: float | None
    utterances: int


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one session, or one person in it, came to."""

    seconds: float
    """Speaking time."""
    utterances: int
    shares: dict[str, float]
    """Labels by their share of the time of all utterances."""
    valence: Mean | None
    arousal: Mean | None


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Somebody, or everybody, in both sessions."""

    first_name: str
    second_name: str
    first: Side
    second: Side
    valence: Mean | None
    """The second's mean less the first's; of the same media, of the utterances that both have."""
    arousal: Mean | None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far the labels of two accounts agree, by time."""

    seconds: float
    """Time in which both have a label."""
    accuracy: float
    """Share of it in which that is the same."""
    kappa: float | None
    """Cohen's kappa: the same beyond chance; None where only one label occurs."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sessions beside each other."""

    first: Conversation
    second: Conversation
    offset: float | None
    """Seconds to add to the second one's times where both are of the same media; None where they are not."""
    everybody: Beside
    people: tuple[Beside, ...]
    agreement: Agreement | None
    pairs: tuple[tuple[Emotion | None, Emotion | None], ...]
    """Utterances of the same media, in order of time; None where one session lacks it."""

    @property
    def changed(self) -> tuple[tuple[Emotion | None, Emotion | None], ...]:
        """The pairs whose label differs, and the utterances that one session lacks."""
        return tuple(
            (one, other)
            for one, other in self.pairs
            if one is None or other is None or one.label != other.label
        )


def compared(first: Conversation, second: Conversation) -> Comparison:
    """Both sessions beside each other."""
    offset = alignment(first, second)
    pairs = () if offset is None else paired(first, second, offset)
    names = _same_people(first, second, offset)
    return Comparison(
        first=first,
        second=second,
        offset=offset,
        everybody=_beside(first, second, None, pairs, offset),
        people=tuple(_beside(first, second, both, pairs, offset) for both in names),
        agreement=None if offset is None else agreement(first, second, offset),
        pairs=pairs,
    )


def alignment(first: Conversation, second: Conversation) -> float | None:
    """Seconds to add to the second one's times; None where they are not of the same media."""
    if first.opened is None or second.opened is None or _sources(first) != _sources(second):
        return None
    files = all(
        any(one.reason == "start of file" for one in conversation.feeds) for conversation in (first, second)
    )
    offset = 0.0 if files else (second.start_unix_ns - first.start_unix_ns) / 1e9
    heard, heard_again = (
        united((one.start + shift, one.end + shift) for one in conversation.utterances)
        for conversation, shift in ((first, 0.0), (second, offset))
    )
    shorter = min(length(heard), length(heard_again))
    return offset if shorter and length(common(heard, heard_again)) >= SAME * shorter else None


def _sources(conversation: Conversation) -> list[str]:
    """What was listened to, files by their names wherever they lie."""
    assert conversation.opened is not None
    told = [one.description for one in conversation.opened.feeds]
    return sorted(one if "://" in one else PurePath(one).name for one in told)


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
    for start, end in zip(moments, moments[1:], strict=False):
        while waiting and waiting[-1].start <= start:
            one = waiting.pop()
            heapq.heappush(lasting, (-one.start, one.utterance, one))
        while lasting and lasting[0][2].end <= start:
            heapq.heappop(lasting)
        if lasting:
            found.append(Band(start + offset, end + offset, lasting[0][2].label))
    return found


def paired(
    first: Conversation, second: Conversation, offset: float
) -> tuple[tuple[Emotion | None, Emotion | None], ...]:
    """Utterances of both sessions that are the same: that coincide for at least half of the shorter one, those
    that coincide best first, each once."""
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
    pairs: list[tuple[Emotion | None, Emotion | None]] = [
        (one, taken.get(one.utterance)) for one in first.utterances
    ]
    pairs += [(None, other) for other in later if other.utterance not in used]
    return tuple(sorted(pairs, key=lambda pair: _began(pair, offset)))


def _began(pair: tuple[Emotion | None, Emotion | None], offset: float) -> float:
    one, other = pair
    if one is not None:
        return one.start
    assert other is not None
    return other.start + offset


def _same_people(first: Conversation, second: Conversation, offset: float | None) -> list[tuple[str, str]]:
    """Who is who: of the same media those who spoke at the same times, else those of the same name."""
    if offset is None:
        both = [name for name in first.speakers if name in second.speakers]
        return [(name, name) for name in both if not NUMBERED.fullmatch(name)]
    spans = spans_of(first)
    later = {name: [_moved(span, offset) for span in own] for name, own in spans_of(second).items()}
    shared = sorted(
        (-length(common(own, theirs)), place, name, other)
        for place, (name, own) in enumerate(spans.items())
        for other, theirs in later.items()
        if common(own, theirs)
    )
    found: dict[str, str] = {}
    for _, _, name, other in shared:
        if name not in found and other not in found.values():
            found[name] = other
    return [(name, found[name]) for name in spans if name in found]


def _moved(span: Span, offset: float) -> Span:
    return span[0] + offset, span[1] + offset


def _beside(
    first: Conversation,
    second: Conversation,
    names: tuple[str, str] | None,
    pairs: Sequence[tuple[Emotion | None, Emotion | None]],
    offset: float | None,
) -> Beside:
    one, other = names or (None, None)
    own, theirs = _said_by(first, one), _said_by(second, other)
    differences = []
    for which in ("valence", "arousal"):
        values, values_then = _known(own, which), _known(theirs, which)
        if offset is None:
            differences.append(difference(values, values_then))
            continue
        mine = {utterance.utterance for utterance in own}
        apart = [
            getattr(then, which) - getattr(now, which)
            for now, then in pairs
            if now is not None and then is not None and now.utterance in mine
            if getattr(now, which) is not None and getattr(then, which) is not None
        ]
        differences.append(mean(apart))
    return Beside(
        first_name=one or "everybody",
        second_name=other or "everybody",
        first=_side(first, own, one),
        second=_side(second, theirs, other),
        valence=differences[0],
        arousal=differences[1],
    )


def _said_by(conversation: Conversation, name: str | None) -> list[Emotion]:
    return [one for one in conversation.utterances if name is None or one.speaker.id == name]


def _known(utterances: Iterable[Emotion], which: str) -> list[float]:
    return [value for one in utterances if (value := getattr(one, which)) is not None]


def _side(conversation: Conversation, utterances: Sequence[Emotion], name: str | None) -> Side:
    spans = spans_of(conversation)
    own = spans.values() if name is None else [spans.get(name, [])]
    return Side(
        seconds=sum(map(length, own)),
        utterances=len(utterances),
        shares=dict(shares([Band(one.start, one.end, one.label) for one in utterances])),
        valence=mean(_known(utterances, "valence")),
        arousal=mean(_known(utterances, "arousal")),
    )


def mean(values: Sequence[float]) -> Mean | None:
    """Their mean with its bootstrap interval; None where there is none. The same values give the same."""
    if not values:
        return None
    return _told(float(np.mean(values)), _samples(values) if len(values) > 1 else None, len(values))


def difference(values: Sequence[float], others: Sequence[float]) -> Mean | None:
    """The mean of the others less that of the values, each drawn for itself; None where one has none."""
    if not values or not others:
        return None
    apart = float(np.mean(others)) - float(np.mean(values))
    few = min(len(values), len(others))
    return _told(apart, _samples(others, seed=1) - _samples(values) if few > 1 else None, few)


def _told(value: float, samples: np.ndarray | None, utterances: int) -> Mean:
    if samples is None:
        return Mean(mean=value, low=None, high=None, utterances=utterances)
    low, high = np.percentile(samples, [(100 - COVERED) / 2, (100 + COVERED) / 2])
    return Mean(mean=value, low=float(low), high=float(high), utterances=utterances)


def _samples(values: Sequence[float], seed: int = 0) -> np.ndarray:
    """Means of samples drawn with replacement, (DRAWS,)."""
    known, random = np.asarray(values, dtype=float), np.random.default_rng(seed)
    return np.array([known[random.integers(len(known), size=len(known))].mean() for _ in range(DRAWS)])
