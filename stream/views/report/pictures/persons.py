"""How one person was over time: a row for each label, and valence and arousal as lines."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotrack.stream.views.monitor.view import colour
from emotrack.stream.views.report.facts.certainty import sureness
from emotrack.stream.views.report.facts.states import labelled, resampled, shares, steady
from emotrack.stream.views.report.facts.turning import TurningPoint
from emotrack.stream.views.report.pictures.charts import FAINT, INK, LINE, SMALL, Chart, drawn
from emotrack.stream.views.report.pictures.drawing import (
    COLUMNS,
    coarse,
    name_of_row,
    place,
    rectangles,
    rows,
    times,
    until,
    written,
)
from emotrack.stream.views.report.wording import percent, said
from emotrack.stream.wire.recordings.conversation import Conversation

TOP, ROW, GAP, LOW, BELOW = 0.22, 0.185, 0.16, 0.72, 0.28
"""Inches: for numbers above, a row, between rows and lines, the lines, and for marks of time."""
HOW_TO_READ = (
    "Bars: what each utterance was labelled, high where the label is sure, thin where it is hardly more than "
    "a guess. Pale ground: the steady state, which changes only when it is clear. Below: how pleasant (line) "
    "and how excited (dashes) they came across."
)
HEIGHTS = {"guess": 0.3, "likely": 0.58, "sure": 0.86}
"""Height of a bar in its row by how sure the label is."""
ROWS = 12
"""Labels that have a row at most: of a larger vocabulary those that took longest."""
OUTLINED = 150
"""Bars from which outlines would hide what is in them."""
APART = 0.34
"""Between the names of the two lines at least, of the 2 from −1 to 1."""

Line = tuple[str, np.ndarray, np.ndarray]
"""What it is, times in seconds, and values from −1 to 1, which are no numbers between two stretches."""


def how_they_were(
    conversation: Conversation,
    person: str,
    name: str,
    points: Sequence[TurningPoint],
    *,
    explained: bool,
    themed: bool,
) -> Chart:
    """What somebody's utterances were labelled as bars, their steady state behind them, and below what is
    known of valence and arousal; turning points are numbered as in `points`, from 1. `explained`: with how it
    is to be read."""
    end, labels = until(conversation), _rows(conversation, person)
    bands, bars = steady(conversation, person), labelled(conversation, person)
    lines = _affect(conversation, person)
    high = ROW * len(labels)
    numbered = [(number, point) for number, point in enumerate(points, 1) if point.person == person]

    def draw(figure: Figure) -> None:
        axes = rows(figure, TOP, high, end, len(labels))
        held, told = resampled(bands, end, COLUMNS), resampled(bars, end, COLUMNS)
        for row, label in enumerate(labels):
            name_of_row(axes, row + 0.5, said(label))
            rectangles(axes, [(0, end, row + 0.485, 0.03)], LINE)
            ground = [(band.start, band.end, row + 0.02, 0.96) for band in held if band.label == label]
            rectangles(axes, ground, colour(label), alpha=0.28)
            mine = [(bar, HEIGHTS[sureness(bar.confidence)]) for bar in told if bar.label == label]
            boxes = [(bar.start, bar.end, row + 0.5 - tall / 2, tall) for bar, tall in mine]
            rectangles(axes, boxes, colour(label), edge=INK if len(told) <= OUTLINED else "none")
        below = place(figure, TOP + high + GAP, LOW) if lines else None
        if below is not None:
            _draw_affect(below, lines, end)
        for number, point in numbered:
            for one in (axes, below):
                if one is not None:
                    one.axvline(point.time, color=INK, linewidth=0.7, linestyle=(0, (2, 2)))
            written(axes, str(number), (point.time, 0), (0, 7), ha="center", fontweight="bold")
        times(axes if below is None else below, end)

    by_label = ", ".join(f"{said(label)} {percent(share)} of the time" for label, share in shares(bars))
    return drawn(
        name,
        TOP + high + (GAP + LOW if lines else 0) + BELOW,
        draw,
        told=f"{person} over time. Utterances labelled: {by_label or 'none'}",
        caption=(HOW_TO_READ if explained else "To be read as the first one.")
        + (" Numbers: the turning points told above." if numbered else "")
        + coarse(end, {person: bars}),
        themed=themed,
    )


def _rows(conversation: Conversation, person: str) -> Sequence[str]:
    """The labels that have a row: the vocabulary, and what else was told of somebody where the vocabulary
    was lost with the beginning."""
    held = dict(shares([*labelled(conversation, person), *steady(conversation, person)]))
    labels = list(dict.fromkeys([*conversation.labels, *held]))
    longest = sorted(labels, key=lambda label: -held.get(label, 0.0))[:ROWS]
    return [label for label in labels if label in longest]


def _affect(conversation: Conversation, person: str) -> list[Line]:
    """Valence and arousal of the steady state, else of the utterances."""
    told: list[tuple[float, float | None, float | None]] = [
        (one.time, None, None) if one.state == "away" else (one.time, one.valence, one.arousal)
        for one in conversation.people
        if one.person == person
    ]
    if not told:
        told = [
            ((one.start + one.end) / 2, one.valence, one.arousal)
            for one in conversation.utterances
            if one.speaker.id == person
        ]
    lines = []
    for name, which in (("pleasant", 1), ("excited", 2)):
        values = np.array([np.nan if one[which] is None else one[which] for one in told], dtype=float)
        if np.isfinite(values).any():
            lines.append((name, *_thinned(np.array([one[0] for one in told]), values, until(conversation))))
    return lines


def _thinned(moments: np.ndarray, values: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """At most `COLUMNS` points, each the mean of what lies in its column; a column of nothing that is known
    stays a gap."""
    if len(moments) <= COLUMNS:
        return moments, values
    column = np.clip((moments / end * COLUMNS).astype(int), 0, COLUMNS - 1)
    known = np.isfinite(values)
    counts = np.bincount(column[known], minlength=COLUMNS)
    sums = np.bincount(column[known], weights=values[known], minlength=COLUMNS)
    held = np.unique(column)
    means = np.where(counts[held] > 0, sums[held] / np.maximum(counts[held], 1), np.nan)
    return (held + 0.5) * end / COLUMNS, means


def _draw_affect(axes: Axes, lines: Sequence[Line], end: float) -> None:
    axes.set(xlim=(0, end), ylim=(-1.2, 1.2))
    axes.set_yticks([-1, 0, 1], ["−1", "0", "+1"], color=FAINT)
    axes.axhline(0, color=LINE, linewidth=0.9)
    ends = {}
    for name, moments, values in lines:
        plain = name == "pleasant"
        axes.plot(
            moments,
            values,
            color=INK,
            linewidth=1.3 if plain else 1.0,
            linestyle="-" if plain else (0, (4, 2)),
            marker="." if len(moments) == 1 else None,
        )
        ends[name] = float(values[np.isfinite(values)][-1])
    if len(ends) == 2 and abs(ends["pleasant"] - ends["excited"]) < APART:
        middle, side = sum(ends.values()) / 2, 1 if ends["pleasant"] >= ends["excited"] else -1
        ends = {"pleasant": middle + side * APART / 2, "excited": middle - side * APART / 2}
    for name, height in ends.items():
        written(axes, name, (end, min(0.9, max(-0.9, height))), (6, 0), fontsize=SMALL)
