"""Rows, rectangles, times and words of a picture in inches."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from emotrack.notify import shorten
from emotrack.stream.views.report.pictures.charts import FAINT, INK, TYPE, WIDTH
from emotrack.stream.views.report.wording import lasting, moment
from emotrack.stream.wire.recordings.conversation import Conversation

LEFT, RIGHT = 0.85, 0.62
"""Inches for names at the left and words at the right."""
COLUMNS = 900
"""Places across a picture; what is finer would not be seen."""
NAME = 14
"""Letters of a name beside a row."""
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
"""Seconds between two marks of time."""
MARKS = 8
"""Marks of time at most."""


def until(conversation: Conversation) -> float:
    """Where pictures end, in seconds; a session of no length still has a picture."""
    return max(conversation.end, 0.1)


def rows(figure: Figure, top: float, height: float, end: float, number: int) -> Axes:
    """Axes of `number` rows over the time until `end`, the first one at the top."""
    axes = place(figure, top, height)
    axes.set(xlim=(0, end), ylim=(number, 0))
    return axes


def place(figure: Figure, top: float, height: float) -> Axes:
    """Axes at a place in inches from above, without frame or marks."""
    whole = figure.get_size_inches()[1]
    across = (WIDTH - LEFT - RIGHT) / WIDTH
    axes = figure.add_axes((LEFT / WIDTH, 1 - (top + height) / whole, across, height / whole))
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=TYPE - 1, colors=FAINT)
    axes.set(xticks=[], yticks=[])
    return axes


def rectangles(
    axes: Axes,
    boxes: Sequence[tuple[float, float, float, float]],
    ground: str,
    *,
    edge: str = "none",
    hatch: str | None = None,
    alpha: float | None = None,
) -> None:
    """Rectangles from, until, top and height as one shape, which hours of speech do not make heavy."""
    if not boxes:
        return
    corners, codes = [], []
    for start, end, top, height in boxes:
        corners += [(start, top), (end, top), (end, top + height), (start, top + height), (start, top)]
        codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    patch = PathPatch(
        Path(corners, codes), facecolor=ground, edgecolor=edge, linewidth=0.5, hatch=hatch, alpha=alpha
    )
    axes.add_patch(patch)


def written(axes: Axes, text: str, at: tuple[float, float], by: tuple[float, float], **look: Any) -> None:
    """A text beside a place in the data, `by` points to the right and above."""
    axes.annotate(text, at, by, textcoords="offset points", **{"va": "center", "color": INK, **look})


def name_of_row(axes: Axes, height: float, text: str) -> None:
    """A name at the very left, where the text of the page begins."""
    edge = (-LEFT * 72, 0.0)
    written(axes, shorten(text, NAME), (0, height), edge, xycoords=("axes fraction", "data"))


def times(axes: Axes, end: float) -> None:
    """Marks of session time below."""
    step = next((step for step in STEPS if end / step <= MARKS), 10 ** np.ceil(np.log10(end / MARKS)))
    ticks = np.arange(0, end + 1e-9, step)
    axes.set_xticks(ticks, [moment(tick) for tick in ticks], color=FAINT)
    axes.tick_params(axis="x", pad=3)


def coarse(end: float, told: Mapping[str, Sized]) -> str:
    """What to know of a picture in which each place stands for a while; nothing where none does."""
    if max(map(len, told.values()), default=0) <= COLUMNS:
        return ""
    return f" So much was said that each place shows what took most of {lasting(end / COLUMNS)}."
