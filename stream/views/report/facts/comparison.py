"""Two sessions beside each other: two accounts of the same media, aligned by time, or two occasions.

They are of the same media where their sources are the same and at least half of what was said in the shorter
one was said at the same time in the other: of files by session time, else by the clock.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from emotrack.stream.views.report.facts.agreement import SAME, Agreement, Pair, agreement, paired
from emotrack.stream.views.report.facts.intervals import Mean, difference, mean
from emotrack.stream.views.report.facts.speaking import Span, common, length, spans_of, united
from emotrack.stream.views.report.facts.states import Band, shares
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

NUMBERED = re.compile(r"spk\d+|.+-face\d+")
"""Names that are given anew in each session."""


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
class Comparison:
    """Two sessions beside each other."""

    first: Conversation
    second: Conversation
    offset: float | None
    """Seconds to add to the second one's times where both are of the same media; None where they are not."""
    everybody: Beside
    people: tuple[Beside, ...]
    agreement: Agreement | None
    pairs: tuple[Pair, ...]
    """Utterances of the same media, in order of time; None where one session lacks it."""

    @property
    def changed(self) -> tuple[Pair, ...]:
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
    pairs: Sequence[Pair],
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
