"""Table `main`: our live labels from text alone, and the papers' rows by what is present."""

from collections.abc import Callable, Mapping, Sequence

from emotrack.training.evaluation.evaluated import NOT_MEASURED, Evaluated, ceiling, goal
from emotrack.training.evaluation.papers import FOOTNOTES, MODES, OTHERS, PaperRow
from emotrack.training.evaluation.records import AbsentModes, Measured
from emotrack.training.evaluation.sources import REGIONS, STREAMS_OF
from emotrack.training.evaluation.tables.render import (
    NEEDS_MEDIA,
    Cell,
    Spread,
    Table,
    TableRow,
    Unfilled,
    given,
)
from emotrack.training.loop.metrics import mean_and_deviation

LIVE_GOAL, CALIBRATION_GOAL = 62.5, 0.05
CORPORA = ("MELD", "IEMOCAP")
WITH_JE = " (JE)"
MASKED = Unfilled("stream masked")
"""Of a row with a stream that the bundle does not use."""


def main_tables(evaluated: Evaluated) -> list[Table]:
    """The headline, the papers' Table 1 and 2, and other systems; of dialogues that no paper knows, our
    figures alone."""
    headlines = list(map(headline, evaluated.views))
    if evaluated.corpus not in CORPORA:
        return [*headlines, own_by_modes(evaluated)]
    return [*headlines, by_modes(evaluated), others(evaluated)]


def headline(evaluated: Evaluated) -> Table:
    """Every figure of the live labels."""
    first = evaluated.seeds[0].dialogues
    score = mean_and_deviation([one.dialogues.live.weighted_f1 for one in evaluated.seeds])[0]
    error = mean_and_deviation([one.dialogues.live.calibration_error for one in evaluated.seeds])[0]

    from_words = (evaluated.corpus, first.modalities) == (CORPORA[0], ["text"])

    def row(name: str, field: str, wanted: str = "", places: int = 2) -> TableRow:
        return evaluated.row(name, lambda one: getattr(one.dialogues.live, field), places, (wanted,))

    return Table(
        title=f"Headline: {evaluated.corpus} test, {evaluated.modalities}, live",
        text=(
            f"{first.live.utterances} utterances in {first.dialogues} dialogues; each label is given at "
            "once, without any later utterance. Mean ± standard deviation over the training seeds of the "
            "network, which share one text encoder."
        ),
        columns=(*evaluated.columns("ours"), "goal"),
        rows=(
            row("weighted F1", "weighted_f1", goal(score, LIVE_GOAL) if from_words else ""),
            row("macro F1", "macro_f1"),
            row("accuracy", "accuracy"),
            row("5-class weighted F1 (without fear and disgust)", "five_class_weighted_f1"),
            row("expected calibration error", "calibration_error", ceiling(error, CALIBRATION_GOAL), 4),
        ),
    )


def by_modes(evaluated: Evaluated) -> Table:
    """AM²-EmoJE's rows with what can be measured beside them."""

    def row(one: PaperRow) -> TableRow:
        meld, iemocap = (ours(evaluated, one.name, corpus) for corpus in CORPORA)
        return TableRow(
            one.name,
            (meld, matched(evaluated, one.name), iemocap, given(one.meld), given(one.iemocap)),
            one.notes,
        )

    return Table(
        title="By the modes present, weighted F1",
        text=(
            "Label-matched: MELD's media are not redistributed, so each utterance is given an acted voice "
            "and a photographed face drawn by its label. That column says that fusion uses its modes and "
            "survives their absence, and no more: it is **not comparable** with any published figure. T on "
            "MELD is the headline; other rows without JE mask what is absent."
        ),
        columns=(
            "ours, MELD live",
            "label-matched, not comparable",
            "ours, IEMOCAP live",
            "AM²-EmoJE, MELD",
            "AM²-EmoJE, IEMOCAP",
        ),
        rows=tuple(map(row, MODES)),
        footnotes=FOOTNOTES,
    )


def own_by_modes(evaluated: Evaluated) -> Table:
    """The rows that the dialogues' own modalities can fill."""
    names = [name for name in STREAMS_OF if any(name in (one.own or {}) for one in evaluated.seeds)]

    def row(name: str) -> TableRow:
        return evaluated.row(name, lambda one: figure_of(one.own, name))

    text = "T, A and V are words, voice, and face and body; what is left out is masked."
    return Table(
        "By the modes present, weighted F1, live", evaluated.columns("ours"), tuple(map(row, names)), text
    )


def ours(evaluated: Evaluated, name: str, corpus: str) -> Cell:
    """Our figure under a paper's row name: measured on the dialogues' own modalities."""
    if evaluated.corpus != corpus:
        return NEEDS_MEDIA
    found = spread([figure_of(one.own, name) for one in evaluated.seeds])
    if found is None and name == "T":
        return evaluated.cells(lambda one: one.dialogues.live.weighted_f1)[0]
    return found or (MASKED if all(one.own for one in evaluated.seeds) else NEEDS_MEDIA)


def matched(evaluated: Evaluated, name: str) -> Cell:
    """The label-matched figure under a paper's row name."""
    if name in REGIONS or all(one.own for one in evaluated.seeds):
        return NEEDS_MEDIA if name in REGIONS else NOT_MEASURED
    return spread([figure_of(one.matched, name) for one in evaluated.seeds]) or NOT_MEASURED


def figure_of(rows: Mapping[str, AbsentModes] | None, name: str) -> float | None:
    """Weighted F1 of one row: with JE where its name says so, else of fusion over what is present."""
    found = (rows or {}).get(name.removesuffix(WITH_JE))
    if found is None:
        return None
    return found.joint.weighted_f1 if name.endswith(WITH_JE) else found.masked.weighted_f1


def spread(values: Sequence[float | None]) -> Spread | None:
    """The figures of the seeds that have any."""
    known = tuple(value for value in values if value is not None)
    return Spread(known) if known else None


def others(evaluated: Evaluated) -> Table:
    """Other systems, with our headline above them."""

    def row(name: str, read: Callable[[Measured], float]) -> TableRow:
        cell = evaluated.cells(read)[0]
        return TableRow(
            name, tuple(cell if evaluated.corpus == corpus else NEEDS_MEDIA for corpus in CORPORA)
        )

    rows = (
        row("**ours, T, live**", lambda one: one.dialogues.live.weighted_f1),
        row("**ours, T, revised by the whole dialogue**", lambda one: one.dialogues.offline.weighted_f1),
        *(TableRow(one.name, (given(one.meld), given(one.iemocap)), one.notes) for one in OTHERS),
    )
    return Table("Other systems, weighted F1", CORPORA, rows, footnotes=FOOTNOTES)
