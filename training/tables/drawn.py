"""Table `drawn`: what faces and voices do to labels where they say less, or other things, than the words beside them."""

from collections.abc import Callable

from emotrack.training.metrics import mean_and_deviation
from emotrack.training.tables.evaluated import NOT_MEASURED, Evaluated, goal
from emotrack.training.tables.records import BesideWords, Measured
from emotrack.training.tables.render import NOT_GIVEN, Cell, Row, Spread, Table

NOTHING, HAPPY, BOTH_DRAWN = "nothing", "happy face, every line", "voice and face drawn by label"
CASES = (
    NOTHING,
    "ordinary voice",
    "neutral face",
    HAPPY,
    "angry face, every line",
    "a person who smiles in half of the lines, else drawn",
    "face drawn by label",
    BOTH_DRAWN,
    "face of the label",
    "voice and face of the label",
)
"""The cases of `emotrack.training.drawn`, which is not imported here: figures that are kept are to be printed at once."""
NEGATIVE = ("sadness", "anger", "fear", "disgust")
CLEAR = 0.6
"""Probability from which a label from words alone is clear."""
GOALS = {HAPPY: 60.0, CASES[5]: 62.5, CASES[6]: 66.5}
"""Weighted F1 to reach on MELD test."""
MORE = ("macro F1", "named joy, %", "calibration error", "clear negatives kept, %")
"""Columns of the same bundles as the first one, or of the one measured now where those have no figures."""
KEPT_GOAL = 95.0
"""Percent of the clear negative lines to be kept beside a smile."""
WEIGHT_GOAL = 0.6
"""Rank correlation of the published weights with what leaving a stream out does."""


def drawn_tables(evaluated: Evaluated) -> list[Table]:
    """Weighted F1, what is named joy, calibration, and what becomes of clear negative lines."""
    text = (
        "Words as written and, beside them, what was drawn: 4 to 8 pictures of FER+ test that a majority names so, a clip of a "
        "test speaker. Drawn by label: 30 % show it, of faces 45 % and of voices 30 % nothing, else any class. Clear negative "
        "lines are those labelled sadness, anger, fear or disgust that the words alone name so with a probability of at least "
        f"{CLEAR:g}. **Not comparable** with published figures."
    )
    columns = (*evaluated.columns("ours, weighted F1"), *MORE, "goal")
    rows = tuple(row(evaluated, name) for name in CASES)
    return [Table(f"Beside the words: {evaluated.corpus} test, live", columns, rows, text), *weight_tables(evaluated)]


def weight_tables(evaluated: Evaluated) -> list[Table]:
    """Whether `weight` in the messages says what made the label, where that was measured."""
    groups = ([one.drawn for one in group if one.drawn is not None] for group in (evaluated.now, evaluated.seeds))
    now, kept = ([one.weights for one in group if one.weights is not None] for group in groups)
    if not (measured := now or kept):
        return []
    correlation = Spread(tuple(one.correlation for one in measured), 3)
    rows = (
        Row("rank correlation", (correlation, goal(mean_and_deviation(correlation.values)[0], WEIGHT_GOAL))),
        Row("the highest weight moves the odds most, %", (Spread(tuple(one.top for one in measured), 1), "")),
        Row("standard deviation of the words' weight over lines", (Spread(tuple(one.deviation for one in measured), 3), "")),
    )
    text = (
        f"Each stream of {measured[0].utterances} lines with voice and face drawn by label is left out in turn, and the line fused "
        "and labelled anew: the weights beside each stream's share in how far the odds of the label moved."
    )
    return [Table("What the published weights say", ("figure", "goal"), rows, text)]


def row(evaluated: Evaluated, name: str) -> Row:
    """One case."""

    def read(field: str) -> Callable[[Measured], float | None]:
        return lambda one: None if (found := figures_of(one, name)) is None else getattr(found, field)

    of = [one for one in evaluated.seeds if figures_of(one, name) is not None] or evaluated.now
    fields = {field: tuple(value for value in map(read(field), of) if value is not None) for field in BesideWords.model_fields}

    def spread(field: str, places: int = 2) -> Cell:
        return Spread(fields[field], places) if fields[field] else NOT_GIVEN

    if not fields["weighted_f1"]:
        return Row(name, (*[NOT_MEASURED] * len(evaluated.columns("")), *[NOT_GIVEN] * len(MORE), ""))
    wanted = goal(mean_and_deviation(fields["weighted_f1"])[0], GOALS[name]) if name in GOALS else ""
    if name == HAPPY:
        wanted += f"; kept {goal(mean_and_deviation(fields['kept'])[0], KEPT_GOAL)}"
    rest = (spread("macro_f1"), spread("joy", 1), spread("calibration_error", 3), spread("kept", 1), wanted)
    return Row(name, (*evaluated.cells(read("weighted_f1")), *rest))


def figures_of(measured: Measured, name: str) -> BesideWords | None:
    """The figures of one case, None where they were not measured."""
    return None if measured.drawn is None else measured.drawn.cases.get(name)
