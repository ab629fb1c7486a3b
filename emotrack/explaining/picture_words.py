"""The words of the picture, each on the colour of its contribution, and above them those lines of the dialogue that mattered."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from emotrack.explaining.contributions import Contribution
from emotrack.explaining.explanation import Explanation
from emotrack.explaining.picture_style import FAINT, Palette, ink_on, title
from emotrack.explaining.report import signed
from emotrack.stream.wire.printable import plain, shorten

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
        axes.text(8, row + 0.28, said, fontsize=9.5, color=FAINT, va="center", style="italic", parse_math=False)
        row += _LINE
    if not words:
        reason = explanation.conclusion.evidence.reasons.get("text", "no words")
        axes.text(0, row + 0.5, f"no words: {reason}", fontsize=11, color=FAINT, style="italic", va="center")
    for placed in _rows(words):
        for word, column, width in placed:
            text = shorten(plain(word.part.name), _WORD_LETTERS)
            _chip(axes, (column, row + 0.04, width, 0.58), text, palette.ground(word.contribution), _TYPE)
            number = signed(word.contribution)
            axes.text(column + width / 2, row + 0.78, number, fontsize=7, color=FAINT, ha="center", va="center")
        row += 1


def _chip(axes: Axes, place: tuple[float, float, float, float], text: str, ground: tuple[float, float, float], size: float) -> None:
    """A text on a coloured ground at `place`: left, top, width and height."""
    left, top, width, height = place
    box = FancyBboxPatch((left + 0.3, top), width - 0.6, height, boxstyle="round,pad=0,rounding_size=0.3", mutation_aspect=0.12)
    box.set(facecolor=ground, edgecolor="none")
    axes.add_patch(box)
    middle = (left + width / 2, top + height / 2)
    axes.text(*middle, text, fontsize=size, color=ink_on(ground), ha="center", va="center_baseline", parse_math=False)


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
