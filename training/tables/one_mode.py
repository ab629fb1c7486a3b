"""Table `alone`: what the whole network says of a voice or a face alone, beside what its encoder's own head says of it."""

from emotrack.training.metrics import mean_and_deviation
from emotrack.training.tables.evaluated import Evaluated, ceiling, goal
from emotrack.training.tables.records import OneMode
from emotrack.training.tables.render import NOT_GIVEN, Row, Spread, Table

CORPORA = {
    "ravdess": "RAVDESS, actors not heard",
    "emodb": "EmoDB, never trained on",
    "ordinary": "readers, people who only talk",
    "ferplus": "FER+ test",
}
"""Voices, and faces, by the names of their corpora."""
ORDINARY, FACES = "ordinary", "ferplus"
ORDINARY_GOAL, ERROR_GOAL = 95.0, 0.05
"""Percent of the ordinary speech to be named neutral by the whole network; its calibration error."""


def alone_tables(evaluated: Evaluated) -> list[Table]:
    """One table for each corpus that any of the bundles was measured on."""
    kept, now = ([one.alone.corpora for one in group if one.alone is not None] for group in (evaluated.seeds, evaluated.now))
    measured = now or kept
    return [_table(name, [one[name] for one in measured]) for name in CORPORA if measured and all(name in one for one in measured)]


def _table(name: str, seeds: list[OneMode]) -> Table:
    rows = []
    for label in seeds[0].own:
        own, whole = seeds[0].own[label], Spread(tuple(one.whole[label] for one in seeds))
        least = ORDINARY_GOAL if name == ORDINARY else own
        rows.append(Row(label, (own, whole, goal(mean_and_deviation(whole.values)[0], least))))
    people = [tuple(one.people.values()) for one in seeds]
    if all(len(one) > 1 for one in people):
        for who, chosen in (("the person it serves worst, all clips", min), ("the person it serves best", max)):
            rows.append(Row(who, (NOT_GIVEN, Spread(tuple(chosen(one) for one in people)), "")))
    errors = Spread(tuple(one.calibration_error for one in seeds), 3)
    rows.append(Row("calibration error", (NOT_GIVEN, errors, ceiling(mean_and_deviation(errors.values)[0], ERROR_GOAL))))
    text = (
        f"{seeds[0].clips} test clips or pictures, each as a dialogue of its own: recall in percent, the encoder's own head beside "
        "the whole network, which is to lose nothing of it. Calm counts as neutral; contempt has no class."
    )
    return Table(f"One mode alone: {CORPORA[name]}", ("its encoder's own head", "the whole network", "goal"), tuple(rows), text)
