"""Turning points of a conversation.

One is where a person's steady state changed and stayed so for `STAYED` seconds (shorter ones are passed
over), or where the valence of what they said moved most: the mean of the `BESIDE` utterances from there on
lies off that of the `BESIDE` before by `LEAST` or more, and by more than `NOISE` times what chance alone
would do, as told by how far neighbouring utterances lie apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Literal

from emotrack.stream.views.report.facts.states import Band, people, steady
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

STAYED = 10.0
"""Seconds for which a steady state must last to count as a change."""
BESIDE = 3
"""Utterances on either side of a moment whose valence is compared."""
LEAST = 0.2
"""The least step of valence that counts, of the 2 from unpleasant to pleasant."""
NOISE = 2.0
"""How many standard errors a step of valence must exceed."""
STEPS = 3
"""Steps of valence that are told of a person at most, the greatest."""
DEVIATION = 1.4826
"""Standard deviation of normal noise over its median absolute deviation."""


@dataclass(frozen=True, kw_only=True)
class TurningPoint:
    """Where somebody's expression turned."""

    person: str
    time: float
    kind: Literal["state", "valence"]
    before: str | float
    """The label, or the mean valence, until then."""
    after: str | float
    """From then on."""
    lasted: float | None
    """Seconds for which the new state held; None of a step of valence."""
    utterance: Emotion | None
    """What they had said last, or were saying; None where they had said nothing."""


def turning_points(conversation: Conversation) -> tuple[TurningPoint, ...]:
    """All of them, in order of time."""
    found: list[TurningPoint] = []
    for person in people(conversation):
        own = [one for one in conversation.utterances if one.speaker.id == person]
        found += _changes(person, steady(conversation, person), own)
        found += _steps(person, own)
    return tuple(sorted(found, key=lambda point: (point.time, point.person)))


def _changes(person: str, bands: Iterable[Band], own: Sequence[Emotion]) -> Iterable[TurningPoint]:
    before: Band | None = None
    for band in bands:
        if band.seconds < STAYED:
            continue
        if before is not None and band.label != before.label:
            yield TurningPoint(
                person=person,
                time=band.start,
                kind="state",
                before=before.label,
                after=band.label,
                lasted=band.seconds,
                utterance=_latest(own, band.start),
            )
        before = band


def _steps(person: str, own: Sequence[Emotion]) -> list[TurningPoint]:
    told = [one for one in own if one.valence is not None]
    valences = [one.valence for one in told if one.valence is not None]
    if len(valences) < 2 * BESIDE:
        return []
    apart = [second - first for first, second in pairwise(valences)]
    deviation = DEVIATION * median([abs(step) for step in apart]) / 2**0.5
    least = max(LEAST, NOISE * deviation * (2 / BESIDE) ** 0.5)
    steps = []
    for place in range(BESIDE, len(valences) - BESIDE + 1):
        before, after = fmean(valences[place - BESIDE : place]), fmean(valences[place : place + BESIDE])
        if abs(after - before) > least:
            steps.append((abs(after - before), place, before, after))
    chosen: list[tuple[float, int, float, float]] = []
    for step in sorted(steps, key=lambda step: (-step[0], step[1])):
        if len(chosen) < STEPS and all(abs(step[1] - other[1]) >= BESIDE for other in chosen):
            chosen.append(step)
    return [
        TurningPoint(
            person=person,
            time=told[place].start,
            kind="valence",
            before=before,
            after=after,
            lasted=None,
            utterance=told[place],
        )
        for _, place, before, after in chosen
    ]


def _latest(own: Sequence[Emotion], time: float) -> Emotion | None:
    return next((one for one in reversed(own) if one.start <= time), None)
