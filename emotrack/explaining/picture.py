"""An explanation as one picture: words on coloured ground, sound over time, a heat map over the face, bars
for the modalities."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from emotrack.errors import UserError
from emotrack.explaining.explanation import Explanation
from emotrack.explaining.panels import (
    FAINT,
    INK,
    SCALE_NAME,
    Palette,
    bare,
    draw_deletion,
    draw_face,
    draw_modalities,
    draw_sound,
    draw_words,
    rows_of_words,
)
from emotrack.explaining.report import signed
from emotrack.files import owner_only
from emotrack.notify import clock
from emotrack.stream.views.monitor.view import colour

WIDTH = 12.0
"""Inches; the height follows from how much was said."""
DOTS = 150
_TOP, _GAP, _BOTTOM = 0.3, 0.55, 0.95
"""Inches above, between and below the panels."""
_COLUMNS = (2.7, 0.15, 1.1, 1.3, 2.8, 0.7, 2.35)
"""Inches of the lowest panels and of what is between them: face, its regions, modalities, deletion."""


def save_picture(explanation: Explanation, path: Path) -> None:
    """Write the picture in the format of the suffix, for its owner's eyes only; raises `UserError` where it
    cannot be written."""
    figure = draw(explanation)
    try:
        with open(path, "wb", opener=owner_only) as file:
            figure.savefig(file, format=path.suffix[1:], dpi=DOTS, facecolor="white")
    except OSError as error:
        raise UserError(f"The picture {path} cannot be written: {error.strerror}.") from error


def draw(explanation: Explanation) -> Figure:
    """The picture as a matplotlib figure."""
    palette = Palette.of([found.contribution for found in (*explanation.parts, *explanation.lines)])
    panels = (0.75, 0.5 * rows_of_words(explanation), 1.5, 2.7)
    height = _TOP + sum(panels) + _GAP * (len(panels) - 1) + _BOTTOM
    figure = Figure(figsize=(WIDTH, height))
    grid = GridSpec(
        len(panels), 1, figure, left=0.045, right=0.965, top=1 - _TOP / height, bottom=_BOTTOM / height,
        hspace=_GAP * len(panels) / sum(panels), height_ratios=panels,
    )  # fmt: skip
    _head(bare(figure.add_subplot(grid[0])), explanation)
    draw_words(bare(figure.add_subplot(grid[1])), explanation, palette)
    draw_sound(figure.add_subplot(grid[2]), explanation, palette)
    below = grid[3].subgridspec(1, 7, width_ratios=_COLUMNS, wspace=0)
    draw_face(bare(figure.add_subplot(below[0])), bare(figure.add_subplot(below[2])), explanation, palette)
    draw_modalities(figure.add_subplot(below[4]), explanation)
    draw_deletion(figure.add_subplot(below[6]), explanation)
    _legend(figure, explanation, palette)
    return figure


def _head(axes: Axes, explanation: Explanation) -> None:
    """The label, whose it is, and the probabilities of all labels as one strip."""
    told = explanation.labelled
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.scatter([0.008], [0.78], s=190, color=colour(explanation.label), clip_on=False)
    title = f"{explanation.label}  {100 * explanation.probability:.0f} %"
    axes.text(0.024, 0.78, title, fontsize=19, fontweight="bold", color=INK, va="center")
    where = f"utterance {told.utterance}   ·   {told.speaker}   ·   {clock(told.start)} – {clock(told.end)}"
    axes.text(1, 0.78, where, fontsize=11, color=FAINT, va="center", ha="right", parse_math=False)
    left = 0.0
    for name, share in sorted(explanation.scores.items(), key=lambda score: -score[1]):
        axes.barh(0.12, share, 0.36, left, color=colour(name), edgecolor="white", linewidth=1.5)
        if share > 0.07:
            axes.text(
                left + share / 2,
                0.12,
                f"{name} {100 * share:.0f}",
                fontsize=9,
                color=INK,
                ha="center",
                va="center",
            )
        left += share


def _legend(figure: Figure, explanation: Explanation, palette: Palette) -> None:
    """What the colours mean."""
    height = figure.get_figheight()
    axes = figure.add_axes((0.045, 0.3 / height, 0.18, 0.11 / height))
    bar = figure.colorbar(
        palette.mappable, cax=axes, orientation="horizontal", ticks=[-palette.reach, 0, palette.reach]
    )
    bar.outline.set_visible(False)
    axes.set_xticklabels([signed(-palette.reach, 1), "0", signed(palette.reach, 1)], fontsize=8, color=FAINT)
    axes.tick_params(length=0, pad=2)
    note = (
        f"{SCALE_NAME}: blue speaks for {explanation.label}, orange against; +1 doubles its odds. "
        "Contributions need not add up."
    )
    figure.text(0.25, 0.355 / height, note, fontsize=8.5, color=FAINT, va="center")
