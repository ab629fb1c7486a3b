"""Table `words`: what is left of the labels where the words do not come from a script."""

from collections.abc import Callable

from emotrack.training.metrics import mean_and_deviation
from emotrack.training.tables.evaluated import NOT_MEASURED, Evaluated, goal
from emotrack.training.tables.papers import CAUSAL
from emotrack.training.tables.records import Measured, Reworded
from emotrack.training.tables.render import NOT_GIVEN, Cell, Row, Spread, Table, Unfilled, given

WRITTEN, FULL_STOPS, PLAIN = "as written", "“!” → “.”", "lower case, no punctuation"
HEARD = ("whisper-tiny.en", "whisper-base")
"""Recognisers whose rows are there whether or not lines heard by them were given."""
GOALS = {WRITTEN: 62.5, PLAIN: 54.0, HEARD[0]: 52.0}
"""Weighted F1 to reach on MELD test with the small text encoder."""
MORE = ("macro F1", "named neutral, %", "calibration error", "word errors, %", "lines", "the same lines as written")
"""Columns of the same bundles as the first one, or of the one measured now where those have no figures."""
NOT_HEARD = Unfilled("no heard lines given")


def word_tables(evaluated: Evaluated) -> list[Table]:
    """The ways in which the test lines were changed, and below them who else reads the script alone."""
    known = dict.fromkeys(way for one in evaluated.seeds if one.words is not None for way in one.words.ways)
    ways = list(dict.fromkeys((WRITTEN, FULL_STOPS, PLAIN, *HEARD, *known)))
    columns = (*evaluated.columns("ours, weighted F1"), *MORE, "goal")
    rows = [row(evaluated, way) for way in ways]
    spoken = sorted({voice for one in evaluated.seeds if one.words for way in one.words.ways.values() for voice in way.voices})
    voices = f" ({', '.join(spoken)})" if spoken else ""
    text = (
        "Text alone, live; the lines before are changed as the line itself is. A recogniser's rows: each test dialogue spoken by a "
        f"synthetic voice{voices} and transcribed, empty where nothing was heard; beside them, the same lines as written. An even "
        "voice gives a recogniser no reason to write “!”."
    )
    table = Table(f"Words: {evaluated.corpus} test", columns, tuple(rows), text)
    return [table, published()] if evaluated.corpus == "MELD" else [table]


def published() -> Table:
    """Systems to compare the first row with; no paper has figures of the others."""
    rows = tuple(Row(one.name, (given(one.meld), given(one.iemocap))) for one in CAUSAL)
    return Table("Other systems that read the script, and no later line, weighted F1", ("MELD", "IEMOCAP"), rows)


def row(evaluated: Evaluated, way: str) -> Row:
    """One way to change the lines."""

    def read(field: str) -> Callable[[Measured], float | None]:
        return lambda one: None if (found := figures_of(one, way)) is None else getattr(found, field)

    of = [one for one in evaluated.seeds if figures_of(one, way) is not None] or evaluated.now

    def spread(field: str, places: int = 2) -> Cell:
        values = tuple(value for value in map(read(field), of) if value is not None)
        return Spread(values, places) if values else NOT_GIVEN

    name = f"through {way}" if "whisper" in way else way
    if all(figures_of(one, way) is None for one in (*evaluated.now, *evaluated.seeds)):
        unfilled: Cell = NOT_HEARD if way in HEARD else NOT_MEASURED
        return Row(name, (*[unfilled] * len(evaluated.columns("")), *[NOT_GIVEN] * len(MORE), ""))
    reached = [value for value in map(read("weighted_f1"), of) if value is not None]
    judged = way in GOALS and evaluated.corpus == "MELD"
    wanted = goal(mean_and_deviation(reached)[0], GOALS[way]) if judged else ""
    percents = (spread("macro_f1"), spread("neutral", 1), spread("calibration_error", 3), spread("word_errors", 1))
    return Row(name, (*evaluated.cells(read("weighted_f1")), *percents, spread("utterances", 0), spread("written"), wanted))


def figures_of(measured: Measured, way: str) -> Reworded | None:
    """The figures of one way, None where they were not measured."""
    return None if measured.words is None else measured.words.ways.get(way)
