"""Colours and type of the explanation's picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb

INK, FAINT, LINE = "#22303c", "#6d7b88", "#d5dbe1"
FOR, AGAINST = "#1f6fb5", "#c2570c"
SCALE_NAME = "log₂ of the odds lost without the part"
_DIVERGING = LinearSegmentedColormap.from_list("for and against", [AGAINST, "#f2a868", "#f3f4f4", "#85b8e3", FOR])
_LEAST = 0.5
"""Least reach of the colours, in log₂ odds: what hardly matters must not look as if it did."""


@dataclass(frozen=True, slots=True)
class Palette:
    """One scale of colours for all parts: from −`reach` (orange) over 0 (white) to +`reach` (blue)."""

    reach: float

    @classmethod
    def of(cls, contributions: Sequence[float]) -> "Palette":
        return cls(max([_LEAST, *(abs(value) for value in contributions)]))

    @property
    def mappable(self) -> ScalarMappable:
        return ScalarMappable(Normalize(-self.reach, self.reach), _DIVERGING)

    def ground(self, contribution: float) -> tuple[float, float, float]:
        """The colour of a part."""
        red, green, blue, _ = self.mappable.to_rgba(np.array([contribution]))[0]
        return float(red), float(green), float(blue)


def ink_on(ground: tuple[float, float, float]) -> str:
    """Dark or white, whichever can be read on `ground` (relative luminance as in WCAG 2, without its linearisation)."""
    return INK if np.dot(ground, (0.299, 0.587, 0.114)) > 0.55 else "white"


def side(contribution: float) -> tuple[float, float, float]:
    """The plain colour of what speaks for the label, or against it."""
    return to_rgb(FOR if contribution >= 0 else AGAINST)


def bare(axes: Axes) -> Axes:
    """Axes without frame or ticks."""
    axes.set_axis_off()
    return axes


def title(axes: Axes, text: str, note: str = "") -> None:
    """A panel's name at its upper left, and what there is to know in small letters."""
    axes.set_title(text, loc="left", fontsize=11, fontweight="bold", color=INK, pad=8)
    if note:
        axes.set_title(note, loc="right", fontsize=8.5, color=FAINT, pad=8)


def light(axes: Axes) -> None:
    """Axes with a base line only."""
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(LINE)
    axes.tick_params(colors=FAINT, labelsize=8.5, length=0)
