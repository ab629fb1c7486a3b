"""The tables of what labels survive, as pictures, and how all pictures look. Colours are Okabe and Ito's,
which colour-blind people can tell apart; shapes differ as well."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emotrack.training.evaluation.evaluated import Evaluated
from emotrack.training.evaluation.tables.robustness import ALONE, ELSEWHERE
from emotrack.training.loop.metrics import mean_and_deviation

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
INK = "#222222"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
DOTS = 150
"""Dots an inch."""


@contextmanager
def drawing(path: Path, width: float, height: float, panels: int = 1) -> Iterator[list[Axes]]:
    """Panels side by side, written to `path` afterwards."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield list(np.ravel(figure.subplots(1, panels)))
        figure.savefig(path, dpi=DOTS, facecolor="white")


def outer_legend(axes: Axes, columns: int) -> None:
    """The legend of `axes` under all panels, where it hides nothing."""
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def plot_words(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Weighted F1 by what was done to the words."""
    measured = [one.words.ways for one in evaluated.seeds if one.words is not None]
    if not measured:
        return []
    rows = {way: [one[way].weighted_f1 for one in measured if way in one] for way in measured[0]}
    return [bars(folder / "words.png", f"{evaluated.corpus} test, text alone, live", rows)]


def plot_drawn(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Weighted F1 by what was drawn beside the words."""
    measured = [one.drawn.cases for one in evaluated.seeds if one.drawn is not None]
    if not measured:
        return []
    rows = {case: [one[case].weighted_f1 for one in measured if case in one] for case in measured[0]}
    return [bars(folder / "drawn.png", f"{evaluated.corpus} test, live, by what is beside the words", rows)]


def plot_alone(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Recall of every class from a voice or a face alone, by the whole network."""
    measured = [one.alone.corpora for one in evaluated.seeds if one.alone is not None]
    if not measured:
        return []
    rows = {
        f"{ALONE[corpus]}: {label}": [one[corpus].whole[label] for one in measured if corpus in one]
        for corpus, found in measured[0].items()
        for label in found.whole
    }
    return [bars(folder / "alone.png", "One mode alone, the whole network", rows, "recall, %")]


def plot_elsewhere(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Weighted F1 by where the words are from."""
    measured = [one.elsewhere.labels for one in evaluated.seeds if one.elsewhere is not None]
    if not measured:
        return []
    rows = {
        ELSEWHERE[name]: [one[name].weighted_f1 for one in measured if name in one] for name in measured[0]
    }
    return [bars(folder / "elsewhere.png", "Words from elsewhere, text alone, live", rows)]


def bars(path: Path, title: str, rows: Mapping[str, Sequence[float]], unit: str = "weighted F1, %") -> Path:
    """A bar of the mean of each row's figures, with its deviation and the seeds."""
    with drawing(path, 7.8, 0.8 + 0.5 * len(rows)) as (axes,):
        for place, values in enumerate(reversed(list(rows.values()))):
            mean, deviation = mean_and_deviation(values)
            axes.barh(place, mean, height=0.6, color=BLUE, alpha=0.85, xerr=deviation, ecolor=INK, capsize=3)
            axes.scatter(values, [place] * len(values), s=12, color=GREY, zorder=3)
            axes.text(mean + 1.5, place, f"{mean:.1f}", va="center", fontsize=9)
        axes.set_yticks(range(len(rows)), list(rows)[::-1])
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")
        axes.set_title(title)
    return path
