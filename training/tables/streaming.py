"""Table `streaming`: what it costs to label at once, and what revising gives back."""

from emotrack.training.metrics import mean_and_deviation
from emotrack.training.tables.evaluated import Evaluated, goal
from emotrack.training.tables.records import LOOK_AHEADS, Measured
from emotrack.training.tables.render import Cell, Row, Spread, Table

GOALS = {"live": -0.5, "revised+2": -0.2}
"""Points of weighted F1 that may be lost against the offline labels."""


def streaming_tables(evaluated: Evaluated) -> list[Table]:
    """Live, revised and offline labels."""
    return list(map(streaming_tax, evaluated.views))


def streaming_tax(evaluated: Evaluated) -> Table:
    """What each kind of label loses against the offline ones."""
    rows = [
        row(evaluated, "live (no later utterance)", "live"),
        *(row(evaluated, f"revised after {count} later utterance{'s' * (count > 1)}", f"revised+{count}") for count in LOOK_AHEADS),
        Row("offline, whole dialogue both ways", (*evaluated.cells(lambda one: one.dialogues.offline.weighted_f1), "–", "–", "–")),
    ]
    text = (
        f"{evaluated.corpus} test, {evaluated.streams}, weighted F1; mean ± standard deviation over the seeds. The interval is of "
        "one bundle: it holds 95 % of 2,000 paired bootstrap draws of whole dialogues. Two later utterances take a median of "
        "7 to 9 s."
    )
    columns = (*evaluated.columns("ours"), "difference to offline", "95 % interval", "goal")
    return Table("Streaming tax", columns, tuple(rows), text)


def row(evaluated: Evaluated, name: str, key: str) -> Row:
    """One kind of label, and its distance from the offline ones."""
    lost = tuple(round(one.dialogues.taxes[key].difference, 2) for one in evaluated.seeds)
    verdict = goal(mean_and_deviation(lost)[0], GOALS[key]) if key in GOALS else "–"
    interval = evaluated.newest.dialogues.taxes[key]
    bounds: Cell = f"{interval.low:+.2f} to {interval.high:+.2f}"
    return Row(name, (*evaluated.cells(lambda one: score(one, key)), Spread(lost), bounds, verdict))


def score(measured: Measured, key: str) -> float:
    """Weighted F1 of one kind of label."""
    if key == "live":
        return measured.dialogues.live.weighted_f1
    return measured.dialogues.revised[int(key.removeprefix("revised+"))].weighted_f1
