"""How people were over time: their steady states, and what each utterance was labelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from emotrack.stream.wire.recordings.conversation import Conversation


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


def shares(bands: Sequence[Band]) -> list[tuple[str, float]]:
    """The labels by their share of the time of all bands, from 0 to 1, the greatest first."""
    whole = sum(band.seconds for band in bands)
    held: dict[str, float] = {}
    for band in bands:
        held[band.label] = held.get(band.label, 0.0) + band.seconds
    return sorted(((label, s / whole) for label, s in held.items() if whole), key=lambda one: -one[1])


def resampled(bands: Sequence[Band], end: float, columns: int) -> Sequence[Band]:
    """The bands themselves while they are few; else at most `columns` until `end`, which is later than 0,
    each with the label that took most of it and that label's mean confidence."""
    if len(bands) <= columns:
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
