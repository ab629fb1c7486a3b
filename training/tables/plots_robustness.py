"""The tables of what labels survive, as pictures: other words than the script's, and faces that say something else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotrack.training.metrics import mean_and_deviation
from emotrack.training.tables.drawing import BLUE, GREY, INK, drawing
from emotrack.training.tables.elsewhere import CORPORA as ELSEWHERE
from emotrack.training.tables.evaluated import Evaluated
from emotrack.training.tables.one_mode import CORPORA


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
        f"{CORPORA[corpus]}: {label}": [one[corpus].whole[label] for one in measured if corpus in one]
        for corpus, found in measured[0].items()
        for label in found.whole
    }
    return [bars(folder / "alone.png", "One mode alone, the whole network", rows, "recall, %")]


def plot_elsewhere(evaluated: Evaluated, folder: Path) -> list[Path]:
    """Weighted F1 by where the words are from."""
    measured = [one.elsewhere.labels for one in evaluated.seeds if one.elsewhere is not None]
    if not measured:
        return []
    rows = {ELSEWHERE[name]: [one[name].weighted_f1 for one in measured if name in one] for name in measured[0]}
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
