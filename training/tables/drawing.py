"""How the pictures look. Colours are Okabe and Ito's, which colour-blind people can tell apart; shapes differ as well."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
INK = "#222222"
STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.edgecolor": GREY, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#E6E6E6", "axes.axisbelow": True,
    "legend.frameon": False,
}  # fmt: skip
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
