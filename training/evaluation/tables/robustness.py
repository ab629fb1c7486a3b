"""Tables `words`, `drawn`, `elsewhere` and `alone`: what is left of the labels where words, faces and corpora
are other ones."""

from collections.abc import Callable, Sequence

from emotrack.training.evaluation.evaluated import NOT_MEASURED, Evaluated, ceiling, goal
from emotrack.training.evaluation.papers import CAUSAL
from emotrack.training.evaluation.records import BesideWords, Elsewhere, Measured, OneMode, Reworded
from emotrack.training.evaluation.tables.render import (
    NOT_GIVEN,
    Cell,
    Spread,
    Table,
    TableRow,
    Unfilled,
    given,
)
from emotrack.training.loop.metrics import mean_and_deviation

WRITTEN, FULL_STOPS, PLAIN = "as written", "“!” → “.”", "lower case, no punctuation"
HEARD = ("whisper-tiny.en", "whisper-base")
"""Recognisers whose rows are there whether or not lines heard by them were given."""
WORDS_GOALS = {WRITTEN: 62.5, PLAIN: 54.0, HEARD[0]: 52.0}
"""Weighted F1 to reach on MELD test with the small text encoder."""
WORDS_MORE = (
    "macro F1",
    "named neutral, %",
    "calibration error",
    "word errors, %",
    "lines",
    "the same lines as written",
)
"""Columns of the same bundles as the first one, or of the one measured now where those have no figures."""
NOT_HEARD = Unfilled("no heard lines given")


def word_tables(evaluated: Evaluated) -> list[Table]:
    """The ways in which the test lines were changed, and below them who else reads the script alone."""
    known = dict.fromkeys(way for one in evaluated.seeds if one.words is not None for way in one.words.ways)
    ways = list(dict.fromkeys((WRITTEN, FULL_STOPS, PLAIN, *HEARD, *known)))
    columns = (*evaluated.columns("ours, weighted F1"), *WORDS_MORE, "goal")
    rows = [words_row(evaluated, way) for way in ways]
    spoken = sorted(
        {
            voice
            for one in evaluated.seeds
            if one.words
            for way in one.words.ways.values()
            for voice in way.voices
        }
    )
    voices = f" ({', '.join(spoken)})" if spoken else ""
    text = (
        "Text alone, live; the lines before are changed as the line itself is. A recogniser's rows: each "
        f"test dialogue spoken by a synthetic voice{voices} and transcribed, empty where nothing was "
        "heard; beside them, the same lines as written. An even voice gives a recogniser no reason to "
        "write “!”."
    )
    table = Table(f"Words: {evaluated.corpus} test", columns, tuple(rows), text)
    return [table, published()] if evaluated.corpus == "MELD" else [table]


def published() -> Table:
    """Systems to compare the first words_row with; no paper has figures of the others."""
    rows = tuple(TableRow(one.name, (given(one.meld), given(one.iemocap))) for one in CAUSAL)
    return Table(
        "Other systems that read the script, and no later line, weighted F1", ("MELD", "IEMOCAP"), rows
    )


def words_row(evaluated: Evaluated, way: str) -> TableRow:
    """One way to change the lines."""

    def read(field: str) -> Callable[[Measured], float | None]:
        return lambda one: None if (found := words_figures(one, way)) is None else getattr(found, field)

    of = [one for one in evaluated.seeds if words_figures(one, way) is not None] or evaluated.now

    def spread(field: str, places: int = 2) -> Cell:
        values = tuple(value for value in map(read(field), of) if value is not None)
        return Spread(values, places) if values else NOT_GIVEN

    name = f"through {way}" if "whisper" in way else way
    if all(words_figures(one, way) is None for one in (*evaluated.now, *evaluated.seeds)):
        unfilled: Cell = NOT_HEARD if way in HEARD else NOT_MEASURED
        return TableRow(name, (*[unfilled] * len(evaluated.columns("")), *[NOT_GIVEN] * len(WORDS_MORE), ""))
    reached = [value for value in map(read("weighted_f1"), of) if value is not None]
    judged = way in WORDS_GOALS and evaluated.corpus == "MELD"
    wanted = goal(mean_and_deviation(reached)[0], WORDS_GOALS[way]) if judged else ""
    percents = (
        spread("macro_f1"),
        spread("neutral", 1),
        spread("calibration_error", 3),
        spread("word_errors", 1),
    )
    return TableRow(
        name,
        (
            *evaluated.cells(read("weighted_f1")),
            *percents,
            spread("utterances", 0),
            spread("written"),
            wanted,
        ),
    )


def words_figures(measured: Measured, way: str) -> Reworded | None:
    """The figures of one way, None where they were not measured."""
    return None if measured.words is None else measured.words.ways.get(way)


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
"""The cases of `emotrack.training.evaluation.measuring.drawn`, which is not imported here: figures that are
kept are to be printed at once."""
NEGATIVE = ("sadness", "anger", "fear", "disgust")
CLEAR = 0.6
"""Probability from which a label from words alone is clear."""
DRAWN_GOALS = {HAPPY: 60.0, CASES[5]: 62.5, CASES[6]: 66.5}
"""Weighted F1 to reach on MELD test."""
DRAWN_MORE = ("macro F1", "named joy, %", "calibration error", "clear negatives kept, %")
"""Columns of the same bundles as the first one, or of the one measured now where those have no figures."""
KEPT_GOAL = 95.0
"""Percent of the clear negative lines to be kept beside a smile."""
WEIGHT_GOAL = 0.6
"""Rank correlation of the published weights with what leaving a stream out does."""


def drawn_tables(evaluated: Evaluated) -> list[Table]:
    """Weighted F1, what is named joy, calibration, and what becomes of clear negative lines."""
    text = (
        "Words as written and, beside them, what was drawn: 4 to 8 pictures of FER+ test that a majority "
        "names so, a clip of a test speaker. Drawn by label: 30 % show it, of faces 45 % and of voices 30 "
        "% nothing, else any class. Clear negative lines are those labelled sadness, anger, fear or "
        f"disgust that the words alone name so with a probability of at least {CLEAR:g}. **Not "
        "comparable** with published figures."
    )
    columns = (*evaluated.columns("ours, weighted F1"), *DRAWN_MORE, "goal")
    rows = tuple(drawn_row(evaluated, name) for name in CASES)
    return [
        Table(f"Beside the words: {evaluated.corpus} test, live", columns, rows, text),
        *weight_tables(evaluated),
    ]


def weight_tables(evaluated: Evaluated) -> list[Table]:
    """Whether `weight` in the messages says what made the label, where that was measured."""
    groups = (
        [one.drawn for one in group if one.drawn is not None] for group in (evaluated.now, evaluated.seeds)
    )
    now, kept = ([one.weights for one in group if one.weights is not None] for group in groups)
    if not (measured := now or kept):
        return []
    correlation = Spread(tuple(one.correlation for one in measured), 3)
    rows = (
        TableRow(
            "rank correlation", (correlation, goal(mean_and_deviation(correlation.values)[0], WEIGHT_GOAL))
        ),
        TableRow(
            "the highest weight moves the odds most, %", (Spread(tuple(one.top for one in measured), 1), "")
        ),
        TableRow(
            "standard deviation of the words' weight over lines",
            (Spread(tuple(one.deviation for one in measured), 3), ""),
        ),
    )
    text = (
        f"Each stream of {measured[0].utterances} lines with voice and face drawn by label is left out in "
        "turn, and the line fused and labelled anew: the weights beside each stream's share in how far "
        "the odds of the label moved."
    )
    return [Table("What the published weights say", ("figure", "goal"), rows, text)]


def drawn_row(evaluated: Evaluated, name: str) -> TableRow:
    """One case."""

    def read(field: str) -> Callable[[Measured], float | None]:
        return lambda one: None if (found := drawn_figures(one, name)) is None else getattr(found, field)

    of = [one for one in evaluated.seeds if drawn_figures(one, name) is not None] or evaluated.now
    fields = {
        field: tuple(value for value in map(read(field), of) if value is not None)
        for field in BesideWords.model_fields
    }

    def spread(field: str, places: int = 2) -> Cell:
        return Spread(fields[field], places) if fields[field] else NOT_GIVEN

    if not fields["weighted_f1"]:
        return TableRow(
            name, (*[NOT_MEASURED] * len(evaluated.columns("")), *[NOT_GIVEN] * len(DRAWN_MORE), "")
        )
    wanted = (
        goal(mean_and_deviation(fields["weighted_f1"])[0], DRAWN_GOALS[name]) if name in DRAWN_GOALS else ""
    )
    if name == HAPPY:
        wanted += f"; kept {goal(mean_and_deviation(fields['kept'])[0], KEPT_GOAL)}"
    rest = (spread("macro_f1"), spread("joy", 1), spread("calibration_error", 3), spread("kept", 1), wanted)
    return TableRow(name, (*evaluated.cells(read("weighted_f1")), *rest))


def drawn_figures(measured: Measured, name: str) -> BesideWords | None:
    """The figures of one case, None where they were not measured."""
    return None if measured.drawn is None else measured.drawn.cases.get(name)


ELSEWHERE = {
    "emorynlp": "EmoryNLP test, the five classes that both have",
    "goemotions": "GoEmotions test, comments with one emotion",
}
AFFECT = "emobank"
WORDS = (*ELSEWHERE, AFFECT)
"""All corpora of this table."""
WEIGHTED_GOAL, MACRO_GOAL = {"emorynlp": 47.0}, {"goemotions": 58.0}


def elsewhere_tables(evaluated: Evaluated) -> list[Table]:
    """Labels by corpus, and valence and arousal, as far as any of the bundles was measured on them."""
    kept, now = (
        [one.elsewhere for one in group if one.elsewhere is not None]
        for group in (evaluated.seeds, evaluated.now)
    )
    measured = now or kept
    return [
        _labels(measured),
        *([_affect(measured)] if measured and all(one.affect for one in measured) else []),
    ]


def _labels(seeds: Sequence[Elsewhere]) -> Table:
    rows = []
    for corpus, name in ELSEWHERE.items():
        found = [one.labels[corpus] for one in seeds if corpus in one.labels]
        if not found:
            rows.append(TableRow(name, (NOT_MEASURED, *[NOT_GIVEN] * 3, "")))
            continue
        weighted, macro = (
            Spread(tuple(one.weighted_f1 for one in found)),
            Spread(tuple(one.macro_f1 for one in found)),
        )
        neutral = Spread(tuple(one.neutral for one in found), 1)
        judged = ""
        if corpus in WEIGHTED_GOAL:
            judged = f"weighted F1 {goal(mean_and_deviation(weighted.values)[0], WEIGHTED_GOAL[corpus])}"
        if corpus in MACRO_GOAL:
            judged = f"macro F1 {goal(mean_and_deviation(macro.values)[0], MACRO_GOAL[corpus])}"
        rows.append(TableRow(name, (weighted, macro, neutral, found[0].utterances, judged)))
    text = (
        "Text alone, live, by the labels of the bundle and not by heads of these corpora, whose other "
        "splits the text encoder has learnt from; of EmoryNLP, which is of the same series, without the "
        "dialogues that MELD knows from another split."
    )
    return Table(
        "Words from elsewhere",
        ("weighted F1", "macro F1", "named neutral, %", "lines", "goal"),
        tuple(rows),
        text,
    )


def _affect(seeds: Sequence[Elsewhere]) -> Table:
    rows = []
    for axis in seeds[0].affect:
        found = [one.affect[axis] for one in seeds]
        figures = (
            Spread(tuple(getattr(one, field) for one in found), 3)
            for field in ("correlation", "error", "constant")
        )
        rows.append(TableRow(axis, tuple(figures)))
    text = (
        "Single sentences of EmoBank's test split (Buechel and Hahn 2017), text alone, beside the mean of "
        "what writers and readers rated, from −1 to 1. Nothing has learnt from EmoBank; most of its "
        "sentences are of newspapers, letters and fiction."
    )
    columns = ("correlation", "mean absolute error", "error of always giving the mean")
    return Table("Valence and arousal of written sentences", columns, tuple(rows), text)


ALONE = {
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
    kept, now = (
        [one.alone.corpora for one in group if one.alone is not None]
        for group in (evaluated.seeds, evaluated.now)
    )
    measured = now or kept
    return [
        _table(name, [one[name] for one in measured])
        for name in ALONE
        if measured and all(name in one for one in measured)
    ]


def _table(name: str, seeds: list[OneMode]) -> Table:
    rows = []
    for label in seeds[0].own:
        own, whole = seeds[0].own[label], Spread(tuple(one.whole[label] for one in seeds))
        least = ORDINARY_GOAL if name == ORDINARY else own
        rows.append(TableRow(label, (own, whole, goal(mean_and_deviation(whole.values)[0], least))))
    people = [tuple(one.people.values()) for one in seeds]
    if all(len(one) > 1 for one in people):
        for who, chosen in (
            ("the person it serves worst, all clips", min),
            ("the person it serves best", max),
        ):
            rows.append(TableRow(who, (NOT_GIVEN, Spread(tuple(chosen(one) for one in people)), "")))
    errors = Spread(tuple(one.calibration_error for one in seeds), 3)
    rows.append(
        TableRow(
            "calibration error",
            (NOT_GIVEN, errors, ceiling(mean_and_deviation(errors.values)[0], ERROR_GOAL)),
        )
    )
    text = (
        f"{seeds[0].clips} test clips or pictures, each as a dialogue of its own: recall in percent, the "
        "encoder's own head beside the whole network, which is to lose nothing of it. Calm counts as "
        "neutral; contempt has no class."
    )
    return Table(
        f"One mode alone: {ALONE[name]}",
        ("its encoder's own head", "the whole network", "goal"),
        tuple(rows),
        text,
    )
