"""The panels of an explanation's picture: its words, the lines before them, sound, face, modalities, and the
check by deletion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.patches import FancyBboxPatch
from scipy.ndimage import laplace

from emotrack.explaining.contributions import Contribution
from emotrack.explaining.explanation import Explanation
from emotrack.explaining.parts import heat_map
from emotrack.explaining.report import signed
from emotrack.modalities import MODALITIES
from emotrack.model.formats import FACE_SIZE
from emotrack.notify import plain, shorten

INK, FAINT, LINE = "#22303c", "#6d7b88", "#d5dbe1"
FOR, AGAINST = "#1f6fb5", "#c2570c"
SCALE_NAME = "log₂ of the odds lost without the part"
_DIVERGING = LinearSegmentedColormap.from_list(
    "for and against", [AGAINST, "#f2a868", "#f3f4f4", "#85b8e3", FOR]
)
_LEAST = 0.5
"""Least reach of the colours, in log₂ odds: what hardly matters must not look as if it did."""


@dataclass(frozen=True, slots=True)
class Palette:
    """One scale of colours for all parts: from −`reach` (orange) over 0 (white) to +`reach` (blue)."""

    reach: float

    @classmethod
    def of(cls, contributions: Sequence[float]) -> "Palette":
        """The scale that fits these contributions."""
        return cls(max([_LEAST, *(abs(value) for value in contributions)]))

    @property
    def mappable(self) -> ScalarMappable:
        """The scale as matplotlib takes it."""
        return ScalarMappable(Normalize(-self.reach, self.reach), _DIVERGING)

    def ground(self, contribution: float) -> tuple[float, float, float]:
        """The colour of a part."""
        red, green, blue, _ = self.mappable.to_rgba(np.array([contribution]))[0]
        return float(red), float(green), float(blue)


def ink_on(ground: tuple[float, float, float]) -> str:
    """Dark or white, whichever can be read on `ground` (relative luminance as in WCAG 2, without its
    linearisation)."""
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


LETTERS = 104
"""Letters in a row, gaps counted as `_GAP`."""
_GAP = 3
LINES = 3
"""Earlier lines that are shown, the ones that did most."""
_LINE_LETTERS, _WORD_LETTERS = 110, 60
"""Letters of a line or a word that are shown at most."""
_TYPE = 12.5
_LINE = 0.66
"""Height of an earlier line, in rows of words."""


def rows_of_words(explanation: Explanation) -> float:
    """How high the panel must be, in rows of words."""
    return max(1, len(_rows(_words(explanation)))) + _LINE * len(_lines(explanation))


def draw_words(axes: Axes, explanation: Explanation, palette: Palette) -> None:
    """Fill the panel; a row is one unit high."""
    words = _words(explanation)
    total = rows_of_words(explanation)
    axes.set(xlim=(0, LETTERS), ylim=(total, 0))
    title(axes, "words", "left out of the text one after the other, and the text read again")
    row = 0.0
    for line in _lines(explanation):
        _chip(axes, (0, row + 0.04, 7, 0.48), signed(line.contribution), palette.ground(line.contribution), 9)
        said = f"before: {shorten(plain(line.part.name), _LINE_LETTERS)}"
        axes.text(
            8, row + 0.28, said, fontsize=9.5, color=FAINT, va="center", style="italic", parse_math=False
        )
        row += _LINE
    if not words:
        reason = explanation.labelled.evidence.reasons.get("text", "no words")
        axes.text(0, row + 0.5, f"no words: {reason}", fontsize=11, color=FAINT, style="italic", va="center")
    for placed in _rows(words):
        for word, column, width in placed:
            text = shorten(plain(word.part.name), _WORD_LETTERS)
            _chip(axes, (column, row + 0.04, width, 0.58), text, palette.ground(word.contribution), _TYPE)
            number = signed(word.contribution)
            axes.text(
                column + width / 2, row + 0.78, number, fontsize=7, color=FAINT, ha="center", va="center"
            )
        row += 1


def _chip(
    axes: Axes,
    place: tuple[float, float, float, float],
    text: str,
    ground: tuple[float, float, float],
    size: float,
) -> None:
    """A text on a coloured ground at `place`: left, top, width and height."""
    left, top, width, height = place
    box = FancyBboxPatch(
        (left + 0.3, top), width - 0.6, height, boxstyle="round,pad=0,rounding_size=0.3", mutation_aspect=0.12
    )
    box.set(facecolor=ground, edgecolor="none")
    axes.add_patch(box)
    middle = (left + width / 2, top + height / 2)
    axes.text(
        *middle,
        text,
        fontsize=size,
        color=ink_on(ground),
        ha="center",
        va="center_baseline",
        parse_math=False,
    )


def _words(explanation: Explanation) -> list[Contribution]:
    return [found for found in explanation.parts if found.part.kind == "word"]


def _lines(explanation: Explanation) -> list[Contribution]:
    """The earlier lines that did most, in the order in which they were said."""
    strongest = sorted(explanation.lines, key=lambda line: -abs(line.contribution))[:LINES]
    return [line for line in explanation.lines if line in strongest]


def _rows(words: Sequence[Contribution]) -> list[list[tuple[Contribution, float, float]]]:
    """The words with column and width, as they flow into rows."""
    rows: list[list[tuple[Contribution, float, float]]] = []
    column = float(LETTERS)
    for word, width in _widths(words):
        if column + width > LETTERS:
            rows.append([])
            column = 0.0
        rows[-1].append((word, column, width))
        column += width
    return rows


def _widths(words: Sequence[Contribution]) -> Iterator[tuple[Contribution, float]]:
    """Each word's share of a row, in average letters of the type; at least what its number needs."""
    for word in words:
        narrow = sum(letter in "fijlrt'.,;:!|I" for letter in word.part.name)
        wide = sum(letter in "mwMW" for letter in word.part.name)
        yield word, min(LETTERS, max(5.2, 1.12 * (len(word.part.name) - 0.45 * narrow + 0.5 * wide) + _GAP))


_COLUMNS = 900
_LANE = 0.42


def draw_sound(axes: Axes, explanation: Explanation, palette: Palette) -> None:
    """The wave form, and over it the overlapping segments in two lanes."""
    told = explanation.labelled
    segments = [found for found in explanation.parts if found.part.kind == "segment"]
    duration = told.end - told.start
    title(axes, "sound", "descriptors of overlapping segments, left out one at a time" if segments else "")
    light(axes)
    axes.set(xlim=(0, max(duration, 0.1)), ylim=(-1.05, 2.1), yticks=[])
    axes.xaxis.set_major_formatter("{x:g} s")
    _wave(axes, told.audio_16k, duration)
    for found in segments:
        assert found.part.span is not None
        start, end = found.part.span
        bottom = 1.12 + (found.part.index % 2) * (_LANE + 0.06)
        ground = palette.ground(found.contribution)
        box = FancyBboxPatch(
            (start, bottom), end - start, _LANE, boxstyle="round,pad=0,rounding_size=0.04", mutation_aspect=4
        )
        box.set(facecolor=ground, edgecolor="white", linewidth=2)
        axes.add_patch(box)
        text = signed(found.contribution)
        axes.text(
            (start + end) / 2,
            bottom + _LANE / 2,
            text,
            fontsize=8.5,
            color=ink_on(ground),
            ha="center",
            va="center",
        )
    if not segments:
        reason = told.evidence.reasons.get("audio", "no audio")
        axes.text(0, 1.4, f"no sound: {reason}", fontsize=11, color=FAINT, style="italic", va="center")


def _wave(axes: Axes, audio: np.ndarray, duration: float) -> None:
    if not len(audio):
        axes.axhline(0, color=LINE, linewidth=1)
        return
    parts = np.array_split(audio / max(float(np.abs(audio).max()), 1e-6), min(_COLUMNS, len(audio)))
    times = (np.arange(len(parts)) + 0.5) * duration / len(parts)
    axes.fill_between(
        times, [part.min() for part in parts], [part.max() for part in parts], color="#9fb0bf", linewidth=0
    )


def draw_face(axes: Axes, names: Axes, explanation: Explanation, palette: Palette) -> None:
    """The sharpest crop with the heat map over it, and at its right (`names`) what each named region did."""
    crops = explanation.labelled.evidence.crops
    title(axes, "face")
    axes.set_anchor("NW")
    if explanation.heat is None or crops is None:
        reason = explanation.labelled.evidence.reasons.get("face", "no face")
        axes.text(
            0, 0.9, f"no face: {reason}", fontsize=11, color=FAINT, style="italic", transform=axes.transAxes
        )
        return
    sharpest = crops[int(np.argmax([laplace(crop.astype(np.float32)).var() for crop in crops]))]
    heat = heat_map(explanation.heat)
    # The scale is the map's own: regions overlap in it, so that its numbers are not those of the parts.
    reach = max(float(np.abs(heat).max()), 0.02)
    axes.imshow(sharpest, cmap="gray", interpolation="bicubic", extent=(0, FACE_SIZE, FACE_SIZE, 0))
    tint = Palette(reach).mappable.to_rgba(heat)
    tint[..., 3] = 0.75 * np.clip(np.abs(heat) / reach, 0, 1) ** 0.7
    axes.imshow(tint, interpolation="bicubic", extent=(0, FACE_SIZE, FACE_SIZE, 0))
    regions = [found for found in explanation.parts if found.part.kind == "region"]
    names.set(xlim=(0, 1), ylim=(len(regions), 0))
    for row, found in enumerate(regions):
        ground = palette.ground(found.contribution)
        box = FancyBboxPatch(
            (0.02, row + 0.22), 0.36, 0.56, boxstyle="round,pad=0,rounding_size=0.05", mutation_aspect=3
        )
        box.set(facecolor=ground, edgecolor="none")
        names.add_patch(box)
        names.text(
            0.2,
            row + 0.5,
            signed(found.contribution),
            fontsize=8.5,
            color=ink_on(ground),
            va="center",
            ha="center",
        )
        names.text(0.45, row + 0.5, found.part.name, fontsize=10, color=INK, va="center")


def draw_modalities(axes: Axes, explanation: Explanation) -> None:
    """What each modality and the dialogue before did, and the weight of each modality in the fusion."""
    title(axes, "modalities and dialogue", "fusion weight")
    light(axes)
    axes.spines["bottom"].set_visible(False)
    losses = [explanation.modalities.get(modality) for modality in MODALITIES] + [explanation.context.both]
    largest = max(1.0, *(abs(loss.contribution) for loss in losses if loss is not None))
    reach, right = 1.5 * largest, 2.25 * largest
    axes.set(xlim=(-reach, right), ylim=(len(losses) - 0.4, -0.6), yticks=range(len(losses)), xticks=[])
    axes.set_yticklabels([*MODALITIES, "dialogue before"], fontsize=10, color=INK)
    axes.axvline(0, color=LINE, linewidth=1.2)
    for row, loss in enumerate(losses):
        if loss is None:
            reason = explanation.labelled.evidence.reasons.get(MODALITIES[row], "")
            axes.text(0.04 * reach, row, reason, fontsize=9, color=FAINT, style="italic", va="center")
        else:
            value = loss.contribution
            axes.barh(row, value, 0.52, color=side(value))
            where, beside = value + np.copysign(0.03 * reach, value), "left" if value >= 0 else "right"
            axes.text(where, row, signed(value), fontsize=9, color=INK, va="center", ha=beside)
    for row, modality in enumerate(MODALITIES):
        weight = f"{100 * explanation.weights[modality]:.0f} %"
        axes.text(right, row, weight, fontsize=9, color=FAINT, va="center", ha="right")


def draw_deletion(axes: Axes, explanation: Explanation) -> None:
    """The label's probability as parts are taken away: the top ones, and random ones with their middle 80
    %."""
    deletion = explanation.deletion
    title(axes, "check by deletion", "points")
    light(axes)
    if deletion is None:
        axes.set(xticks=[], yticks=[])
        axes.text(
            0,
            0.9,
            "no part speaks for the label",
            fontsize=11,
            color=FAINT,
            style="italic",
            transform=axes.transAxes,
        )
        return
    counts = np.arange(len(deletion.top) + 1)
    top, random = (
        np.concatenate([[deletion.whole], left]) for left in (deletion.top, deletion.random.mean(0))
    )
    low, high = (
        np.concatenate([[deletion.whole], np.quantile(deletion.random, share, axis=0)])
        for share in (0.1, 0.9)
    )
    axes.fill_between(counts, low, high, color="#e6ebef", linewidth=0)
    axes.plot(counts, random, color=FAINT, linewidth=1.8)
    axes.plot(counts, top, color=FOR, linewidth=2.4, marker="o", markersize=4)
    axes.set(ylim=(0, 1.3), xlim=(0, counts[-1] + 0.15), yticks=[0, 0.5, 1])
    axes.set_xticks(counts)
    axes.set_yticklabels(["0", "½", "1"])
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("parts left out", fontsize=8.5, color=FAINT)
    axes.set_ylabel(f"probability of {explanation.label}", fontsize=8.5, color=FAINT, y=0.38)
    for left, name, drop, ink in (
        (0.0, "top", deletion.drop, FOR),
        (0.5, "random", deletion.random_drop, FAINT),
    ):
        text = f"{name} {signed(-100 * drop, 1)}"
        axes.text(
            left, 0.96, text, fontsize=10, color=ink, fontweight="bold", va="top", transform=axes.transAxes
        )
