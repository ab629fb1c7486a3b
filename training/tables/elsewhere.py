"""Table `elsewhere`: labels, valence and arousal of words from other corpora than MELD."""

from collections.abc import Sequence

from emotrack.training.metrics import mean_and_deviation
from emotrack.training.tables.evaluated import NOT_MEASURED, Evaluated, goal
from emotrack.training.tables.records import Elsewhere
from emotrack.training.tables.render import NOT_GIVEN, Row, Spread, Table

CORPORA = {"emorynlp": "EmoryNLP test, the five classes that both have", "goemotions": "GoEmotions test, comments with one emotion"}
AFFECT = "emobank"
WORDS = (*CORPORA, AFFECT)
"""All corpora of this table."""
WEIGHTED_GOAL, MACRO_GOAL = {"emorynlp": 47.0}, {"goemotions": 58.0}


def elsewhere_tables(evaluated: Evaluated) -> list[Table]:
    """Labels by corpus, and valence and arousal, as far as any of the bundles was measured on them."""
    kept, now = ([one.elsewhere for one in group if one.elsewhere is not None] for group in (evaluated.seeds, evaluated.now))
    measured = now or kept
    return [_labels(measured), *([_affect(measured)] if measured and all(one.affect for one in measured) else [])]


def _labels(seeds: Sequence[Elsewhere]) -> Table:
    rows = []
    for corpus, name in CORPORA.items():
        found = [one.labels[corpus] for one in seeds if corpus in one.labels]
        if not found:
            rows.append(Row(name, (NOT_MEASURED, *[NOT_GIVEN] * 3, "")))
            continue
        weighted, macro = Spread(tuple(one.weighted_f1 for one in found)), Spread(tuple(one.macro_f1 for one in found))
        neutral = Spread(tuple(one.neutral for one in found), 1)
        judged = ""
        if corpus in WEIGHTED_GOAL:
            judged = f"weighted F1 {goal(mean_and_deviation(weighted.values)[0], WEIGHTED_GOAL[corpus])}"
        if corpus in MACRO_GOAL:
            judged = f"macro F1 {goal(mean_and_deviation(macro.values)[0], MACRO_GOAL[corpus])}"
        rows.append(Row(name, (weighted, macro, neutral, found[0].utterances, judged)))
    text = (
        "Text alone, live, by the labels of the bundle and not by heads of these corpora, whose other splits the text encoder has "
        "learnt from; of EmoryNLP, which is of the same series, without the dialogues that MELD knows from another split."
    )
    return Table("Words from elsewhere", ("weighted F1", "macro F1", "named neutral, %", "lines", "goal"), tuple(rows), text)


def _affect(seeds: Sequence[Elsewhere]) -> Table:
    rows = []
    for axis in seeds[0].affect:
        found = [one.affect[axis] for one in seeds]
        figures = (Spread(tuple(getattr(one, field) for one in found), 3) for field in ("correlation", "error", "constant"))
        rows.append(Row(axis, tuple(figures)))
    text = (
        "Single sentences of EmoBank's test split (Buechel and Hahn 2017), text alone, beside the mean of what writers and readers "
        "rated, from −1 to 1. Nothing has learnt from EmoBank; most of its sentences are of newspapers, letters and fiction."
    )
    columns = ("correlation", "mean absolute error", "error of always giving the mean")
    return Table("Valence and arousal of written sentences", columns, tuple(rows), text)
