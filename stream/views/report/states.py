"""How people were over time: their steady states, what each utterance was labelled, and turning points.

A turning point is where a person's steady state changed and stayed so for `STAYED` seconds (shorter ones are
passed over), or where the valence of what they said moved most: the mean of the `BESIDE` utterances from there
on lies off that of the `BESIDE` before by `LEAST` or more, and by more than `NOISE` times what chance alone would
do, as told by how far neighbouring utterances lie apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Band:
    """A time in which one label held."""

    start: float
    end: float
    label: str
    confidence: float = 1.0

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


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


def people(conversation: Conversation) -> tuple[str, ...]:
    """Everybody who spoke, then everybody who was only seen."""
    return tuple(dict.fromkeys([*conversation.speakers, *(one.person for one in conversation.people)]))


def steady(conversation: Conversation, person: str) -> tuple[Band, ...]:
    """The steady states of somebody while they were there, in order, without overlaps."""
    found: list[Band] = []
    current: Band | None = None  # its end is not known yet
    until = 0.0
    for one in conversation.people:
        if one.person != person:
            continue
        if one.state == "away" or current is None or one.label != current.label:
            start = one.time if one.state == "away" else min(max(one.since, until), one.time)
            if current is not None:
                found.append(replace(current, end=max(start, current.start)))
                until = found[-1].end
            current = None if one.state == "away" else Band(start, start, one.label, one.confidence)
    if current is not None:
        found.append(replace(current, end=max(conversation.end, current.start)))
    return tuple(band for band in found if band.seconds > 0)


def labelled(conversation: Conversation, person: str) -> tuple[Band, ...]:
    """What each utterance of somebody was labelled."""
    return tuple(
        Band(one.start, one.end, one.label, one.confidence)
        for one in conversation.utterances
        if one.speaker.id == person
    )


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
    apart = [second - first for first, second in zip(valences, valences[1:], strict=False)]
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


def resampled(bands: Sequence[Band], end: float, columns: int) -> Sequence[Band]:
    """The bands themselves while they are few; else at most `columns`, each with the label that took most of
    it and that label's mean confidence."""
    if len(bands) <= columns or end <= 0:
        return bands
    width = end / columns
    shares: list[dict[str, tuple[float, float]]] = [{} for _ in range(columns)]
    for band in bands:
        for column in range(max(0, int(band.start / width)), min(columns, int(band.end / width) + 1)):
            seconds = min(band.end, (column + 1) * width) - max(band.start, column * width)
            if seconds > 0:
                so_far, weighed = shares[column].get(band.label, (0.0, 0.0))
                shares[column][band.label] = (so_far + seconds, weighed + seconds * band.confidence)
    found: list[Band] = []
    for column, held in enumerate(shares):
        if held:
            label, (seconds, weighed) = max(held.items(), key=lambda one: one[1][0])
            found.append(Band(column * width, (column + 1) * width, label, weighed / seconds))
    return found
