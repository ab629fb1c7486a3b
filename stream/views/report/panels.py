"""What is drawn in a report: who spoke when, how somebody was, what labels were made of and how sure they are.

No meaning is in colour alone: each label has a row of its own, how sure it is shows in a bar's height, and what
is missing is hollow or hatched.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from emotrack.notify import shorten
from emotrack.stream.views.monitor.view import colour
from emotrack.stream.views.report.certainty import GUESS, Certainty
from emotrack.stream.views.report.charts import (
    FAINT,
    GROUND,
    INK,
    LINE,
    SMALL,
    STRONG,
    TYPE,
    WIDTH,
    Chart,
    drawn,
    place,
)
from emotrack.stream.views.report.missing import modalities
from emotrack.stream.views.report.speaking import Speaking, spans_of
from emotrack.stream.views.report.states import Band, TurningPoint, labelled, resampled, steady
from emotrack.stream.views.report.wording import counted, lasting, moment, percent, said
from emotrack.stream.wire.recordings.conversation import Conversation

LEFT, RIGHT = 0.85, 0.62
"""Inches for names at the left and words at the right."""
COLUMNS = 900
"""Places across a picture; what is finer would not be seen."""
ROW = 0.185
SURE = 0.75
"""Confidence from which a bar has its full height."""
HEIGHTS = {"guess": 0.3, "likely": 0.58, "sure": 0.86}
"""Height of a bar in its row by how sure the label is."""
NAME = 14
"""Letters of a name at a picture."""


def who_spoke_when(conversation: Conversation, shown: Sequence[Speaking], *, themed: bool) -> Chart:
    """A row for each person, dark where they spoke."""
    end, spans = until(conversation), spans_of(conversation)
    lane = 0.27

    def draw(figure: Figure) -> None:
        axes = place(figure, LEFT, 0.05, WIDTH - LEFT - RIGHT, lane * len(shown))
        axes.set(xlim=(0, end), ylim=(len(shown), 0))
        for row, one in enumerate(shown):
            bands = [Band(*span, "spoke") for span in spans[one.person]]
            _rectangles(axes, [(0, end, row + 0.46, 0.08)], GROUND)
            boxes = [(band.start, band.end, row + 0.14, 0.72) for band in resampled(bands, end, COLUMNS)]
            _rectangles(axes, boxes, STRONG)
            _beside(axes, row + 0.5, one.person)
            axes.annotate(
                percent(one.share),
                (end, row + 0.5),
                (6, 0),
                textcoords="offset points",
                va="center",
                color=INK,
            )
        _times(axes, end)

    told = "Who spoke when: " + "; ".join(
        f"{one.person} {lasting(one.seconds)}, {percent(one.share)}" for one in shown
    )
    return drawn(
        "speaking", lane * len(shown) + 0.32, draw, told=told, themed=themed,
        caption="Dark where somebody spoke. The number is the share of all that was said." + _columns(end, spans),
    )  # fmt: skip


def how_they_were(
    conversation: Conversation, person: str, name: str, points: Sequence[TurningPoint], *, themed: bool
) -> Chart:
    """A row for each label, what somebody's utterances were labelled as bars and their steady state behind
    them; valence and arousal below. Turning points are numbered as in `points`, from 1."""
    end, labels = until(conversation), _rows(conversation, person)
    bands, bars = steady(conversation, person), labelled(conversation, person)
    lines = _affect(conversation, person)
    top, high, gap, low = 0.22, ROW * len(labels), 0.16, 0.72 if lines else 0.0
    numbered = [(number, point) for number, point in enumerate(points, 1) if point.person == person]

    def draw(figure: Figure) -> None:
        axes = place(figure, LEFT, top, WIDTH - LEFT - RIGHT, high)
        axes.set(xlim=(0, end), ylim=(len(labels), 0))
        for row, label in enumerate(labels):
            _beside(axes, row + 0.5, said(label))
            _rectangles(axes, [(0, end, row + 0.485, 0.03)], LINE)
            held = [band for band in resampled(bands, end, COLUMNS) if band.label == label]
            _rectangles(axes, [(b.start, b.end, row + 0.02, 0.96) for b in held], colour(label), alpha=0.28)
            mine = [bar for bar in resampled(bars, end, COLUMNS) if bar.label == label]
            boxes = [
                (b.start, b.end, row + 0.5 - (tall := HEIGHTS[sureness(b.confidence)]) / 2, tall)
                for b in mine
            ]
            _rectangles(axes, boxes, colour(label), edge=INK)
        below = place(figure, LEFT, top + high + gap, WIDTH - LEFT - RIGHT, low) if lines else None
        if below is not None:
            _draw_affect(below, lines, end)
        for number, point in numbered:
            for one in (axes, below):
                if one is not None:
                    one.axvline(point.time, color=INK, linewidth=0.7, linestyle=(0, (2, 2)))
            axes.annotate(
                str(number), (point.time, 0), (0, 4), textcoords="offset points", ha="center", color=INK,
                fontsize=TYPE, fontweight="bold",
            )  # fmt: skip
        _times(axes if below is None else below, end)

    by_label = shares(bars)
    told = f"{person} over time. Utterances labelled: " + (
        ", ".join(f"{said(label)} {percent(share)} of the time" for label, share in by_label) or "none"
    )
    return drawn(
        name, top + high + (gap + low if lines else 0) + 0.28, draw, told=told, themed=themed,
        caption="Bars: what each utterance was labelled, high where the label is sure, thin where it is hardly more "
        "than a guess. Pale ground: the steady state, which changes only when it is clear. "
        + ("Below: how pleasant (line) and how excited (dashes) they came across. " if lines else "")
        + ("Numbers: turning points, told above." if numbered else "") + _columns(end, {person: bars}),
    )  # fmt: skip


def what_labels_were_made_of(conversation: Conversation, *, themed: bool) -> Chart:
    """A row for each modality: full where a label was made from it, hatched where it was estimated from the
    others, hollow where it was missing."""
    end, names = until(conversation), modalities(conversation)
    lane = 0.24
    bands = {
        name: tuple(
            Band(
                one.start, one.end, "present" if state.present else "imputed" if state.imputed else "missing"
            )
            for one in conversation.utterances
            if (state := one.modalities.get(name)) is not None
        )
        for name in names
    }

    def draw(figure: Figure) -> None:
        axes = place(figure, LEFT, 0.05, WIDTH - LEFT - RIGHT, lane * len(names))
        axes.set(xlim=(0, end), ylim=(len(names), 0))
        for row, name in enumerate(names):
            _beside(axes, row + 0.5, said(name))
            drawn_bands = resampled(bands[name], end, COLUMNS)
            for state, look in (
                ("present", {"ground": STRONG}),
                ("imputed", {"ground": GROUND, "edge": STRONG, "hatch": "//////"}),
                ("missing", {"ground": "none", "edge": FAINT}),
            ):
                boxes = [(b.start, b.end, row + 0.2, 0.6) for b in drawn_bands if b.label == state]
                _rectangles(axes, boxes, **look)  # type: ignore[arg-type]
            held = sum(band.label == "present" for band in bands[name])
            axes.annotate(
                f"{held}/{len(bands[name])}", (end, row + 0.5), (6, 0), textcoords="offset points", va="center",
                color=INK,
            )  # fmt: skip
        _times(axes, end)

    told = "What labels were made of: " + "; ".join(
        f"{said(name)} in {sum(band.label == 'present' for band in bands[name])} of "
        f"{counted(len(bands[name]), 'utterance')}"
        for name in names
    )
    return drawn(
        "modalities", lane * len(names) + 0.32, draw, told=told, themed=themed,
        caption="Full: the label was made from it. Hatched: it was missing and estimated from the others. Hollow: "
        "missing. The numbers count utterances." + _columns(end, bands),
    )  # fmt: skip


def how_sure(found: Certainty, *, themed: bool) -> Chart:
    """How many labels have which confidence."""
    highest = max(found.counts)

    def draw(figure: Figure) -> None:
        axes = place(figure, LEFT, 0.2, WIDTH - LEFT - RIGHT, 1.05)
        bins = len(found.counts)
        axes.set(xlim=(0, 1), ylim=(0, highest * 1.15))
        for tenth, number in enumerate(found.counts):
            middle = (tenth + 0.5) / bins
            unsure = middle < GUESS
            axes.bar(
                middle, number, 0.9 / bins, facecolor=GROUND if unsure else STRONG, edgecolor=STRONG,
                linewidth=0.8, hatch="////" if unsure else None,
            )  # fmt: skip
            if number:
                axes.text(
                    middle, number + highest * 0.03, f"{number:,}", ha="center", color=INK, fontsize=SMALL
                )
        axes.axhline(0, color=LINE, linewidth=1)
        axes.axvline(found.chance, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.annotate("chance", (found.chance, highest * 1.15), (0, 2), textcoords="offset points",
                      ha="center", color=FAINT, fontsize=SMALL)  # fmt: skip
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
        axes.set_xticklabels(["0 %", "25 %", "50 %", "75 %", "100 %"], color=FAINT)
        axes.set_xlabel("confidence of the label", fontsize=SMALL, color=FAINT)
        _beside(axes, highest * 0.55, "labels")

    told = "Labels by confidence: " + ", ".join(
        f"{10 * tenth} to {10 * tenth + 10} %: {number}"
        for tenth, number in enumerate(found.counts)
        if number
    )
    return drawn(
        "confidence", 1.65, draw, told=told, themed=themed,
        caption="How many labels have which confidence. Hatched: below one half. The dashed line is what blind "
        "guessing would come to.",
    )  # fmt: skip


def until(conversation: Conversation) -> float:
    """Where pictures end, in seconds; a session of no length still has a picture."""
    return max(conversation.end, 0.1)


def sureness(confidence: float) -> str:
    """`guess`, `likely` or `sure`."""
    return "guess" if confidence < GUESS else "likely" if confidence < SURE else "sure"


def _rows(conversation: Conversation, person: str) -> list[str]:
    """The vocabulary, and what else was told of somebody (a vocabulary may have been lost with the start)."""
    told = [
        *(one.label for one in conversation.utterances if one.speaker.id == person),
        *(one.label for one in conversation.people if one.person == person),
    ]
    return list(dict.fromkeys([*conversation.labels, *told]))


def shares(bars: Sequence[Band]) -> list[tuple[str, float]]:
    """The labels by their share of the time of all bars, the greatest first."""
    whole = sum(bar.seconds for bar in bars)
    held: dict[str, float] = {}
    for bar in bars:
        held[bar.label] = held.get(bar.label, 0.0) + bar.seconds
    return sorted(((label, s / whole) for label, s in held.items() if whole), key=lambda one: -one[1])


Line = tuple[str, np.ndarray, np.ndarray]
"""What it is, times in seconds and values from −1 to 1, not a number between two stretches."""


def _affect(conversation: Conversation, person: str) -> list[Line]:
    """Valence and arousal of the steady state, else of the utterances."""
    states = [one for one in conversation.people if one.person == person]
    told: list[tuple[float, float | None, float | None]] = [
        (one.time, None, None) if one.state == "away" else (one.time, one.valence, one.arousal)
        for one in states
    ] or [
        ((one.start + one.end) / 2, one.valence, one.arousal)
        for one in conversation.utterances
        if one.speaker.id == person
    ]
    lines = []
    for name, which in (("pleasant", 1), ("excited", 2)):
        times = np.array([one[0] for one in told])
        values = np.array([np.nan if one[which] is None else one[which] for one in told], dtype=float)
        if np.isfinite(values).any():
            lines.append((name, *_thinned(times, values, until(conversation))))
    return lines


def _thinned(times: np.ndarray, values: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """At most `COLUMNS` points, each the mean of what lies in its column."""
    if len(times) <= COLUMNS:
        return times, values
    column = np.minimum((times / max(end, 1e-9) * COLUMNS).astype(int), COLUMNS - 1)
    known = np.isfinite(values)
    counts = np.bincount(column[known], minlength=COLUMNS)
    sums = np.bincount(column[known], weights=values[known], minlength=COLUMNS)
    held = np.unique(column)
    means = np.where(counts[held] > 0, sums[held] / np.maximum(counts[held], 1), np.nan)
    return (held + 0.5) * end / COLUMNS, means


def _draw_affect(axes: Axes, lines: Sequence[Line], end: float) -> None:
    axes.set(xlim=(0, end), ylim=(-1.2, 1.2), yticks=[-1, 0, 1])
    axes.set_yticklabels(["−1", "0", "+1"], color=FAINT)
    axes.axhline(0, color=LINE, linewidth=0.9)
    ends = {}
    for name, times, values in lines:
        axes.plot(
            times, values, color=INK, linewidth=1.3 if name == "pleasant" else 1.0,
            linestyle="-" if name == "pleasant" else (0, (4, 2)), marker="." if len(times) == 1 else None,
        )  # fmt: skip
        ends[name] = float(values[np.isfinite(values)][-1])
    apart = 0.34  # of the axis, so that one name is not written over the other
    if len(ends) == 2 and abs(ends["pleasant"] - ends["excited"]) < apart:
        middle, first = sum(ends.values()) / 2, 1 if ends["pleasant"] >= ends["excited"] else -1
        ends = {"pleasant": middle + first * apart / 2, "excited": middle - first * apart / 2}
    for name, height in ends.items():
        axes.annotate(name, (end, min(0.9, max(-0.9, height))), (6, 0), textcoords="offset points",
                      va="center", color=INK, fontsize=SMALL)  # fmt: skip


def _rectangles(
    axes: Axes,
    boxes: Sequence[tuple[float, float, float, float]],
    ground: str,
    *,
    edge: str = "none",
    hatch: str | None = None,
    alpha: float = 1.0,
) -> None:
    """Rectangles from, until, top and height as one shape, which hours of speech do not make heavy."""
    if not boxes:
        return
    corners, codes = [], []
    for start, end, top, height in boxes:
        corners += [(start, top), (end, top), (end, top + height), (start, top + height), (start, top)]
        codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    patch = PathPatch(Path(corners, codes), facecolor=ground, edgecolor=edge, linewidth=0.5, hatch=hatch)
    patch.set_alpha(None if alpha == 1 else alpha)
    axes.add_patch(patch)


def _beside(axes: Axes, height: float, text: str) -> None:
    """A name at the left of a row, at the very edge, where the text of the page begins."""
    axes.annotate(
        shorten(text, NAME), (0, height), (-LEFT * 72, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="center", color=INK, fontsize=TYPE,
    )  # fmt: skip


STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
"""Seconds between two marks of time."""


def _times(axes: Axes, end: float) -> None:
    step = next((step for step in STEPS if end / step <= 8), 10 ** np.ceil(np.log10(max(end, 1) / 8)))
    ticks = np.arange(0, end + 1e-9, step)
    axes.set_xticks(ticks)
    axes.set_xticklabels([moment(tick) for tick in ticks], color=FAINT)
    axes.tick_params(axis="x", pad=3)


def _columns(end: float, bands: dict[str, Sequence[object]] | dict[str, list[tuple[float, float]]]) -> str:
    """What to know of a picture in which each column stands for a while."""
    if max(map(len, bands.values()), default=0) <= COLUMNS:
        return ""
    return f" So much was said that each place shows what took most of {lasting(end / COLUMNS)}."
