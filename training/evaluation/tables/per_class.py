"""Tables `streaming` and `per-class`: what it costs to label at once, and every class of the live labels and
the encoders."""

from collections.abc import Mapping, Sequence

from emotrack.training.evaluation.evaluated import Evaluated, ceiling, goal
from emotrack.training.evaluation.records import LOOK_AHEADS, FaceFigures, Measured, VoiceFigures
from emotrack.training.evaluation.tables.render import Cell, Spread, Table, TableRow
from emotrack.training.loop.metrics import mean_and_deviation

GOALS = {"live": -0.5, "revised+2": -0.2}
"""Points of weighted F1 that may be lost against the offline labels."""


def streaming_tables(evaluated: Evaluated) -> list[Table]:
    """Live, revised and offline labels."""
    return list(map(streaming_tax, evaluated.views))


def streaming_tax(evaluated: Evaluated) -> Table:
    """What each kind of label loses against the offline ones."""
    rows = [
        row(evaluated, "live (no later utterance)", "live"),
        *(
            row(evaluated, f"revised after {count} later utterance{'s' * (count > 1)}", f"revised+{count}")
            for count in LOOK_AHEADS
        ),
        TableRow(
            "offline, whole dialogue both ways",
            (*evaluated.cells(lambda one: one.dialogues.offline.weighted_f1), "–", "–", "–"),
        ),
    ]
    text = (
        f"{evaluated.corpus} test, {evaluated.modalities}, weighted F1; mean ± standard deviation over the "
        "seeds. The interval is of one bundle: it holds 95 % of 2,000 paired bootstrap draws of whole "
        "dialogues. Two later utterances take a median of 7 to 9 s."
    )
    columns = (*evaluated.columns("ours"), "difference to offline", "95 % interval", "goal")
    return Table("Streaming tax", columns, tuple(rows), text)


def row(evaluated: Evaluated, name: str, key: str) -> TableRow:
    """One kind of label, and its distance from the offline ones."""
    lost = tuple(round(one.dialogues.taxes[key].difference, 2) for one in evaluated.seeds)
    verdict = goal(mean_and_deviation(lost)[0], GOALS[key]) if key in GOALS else "–"
    interval = evaluated.newest.dialogues.taxes[key]
    bounds: Cell = f"{interval.low:+.2f} to {interval.high:+.2f}"
    return TableRow(name, (*evaluated.cells(lambda one: score(one, key)), Spread(lost), bounds, verdict))


def score(measured: Measured, key: str) -> float:
    """Weighted F1 of one kind of label."""
    if key == "live":
        return measured.dialogues.live.weighted_f1
    return measured.dialogues.revised[int(key.removeprefix("revised+"))].weighted_f1


RARE_GOAL = 10.0
"""F1 that fear and disgust are to exceed, in percent."""
VOICE_GOAL, FACE_GOAL, FACE_MILLISECONDS, FACE_PARAMETERS = 82.0, 88.0, 4, 2_000_000


def per_class_tables(evaluated: Evaluated) -> list[Table]:
    """Live labels by class, then the voice and the face network by themselves."""
    tables = list(map(live_by_class, evaluated.views))
    encoders = evaluated.encoders
    if encoders.voice is not None:
        tables.append(voice(encoders.voice, encoders.voice_folds))
    if encoders.face is not None:
        tables.append(face(encoders.face))
    return tables


def live_by_class(evaluated: Evaluated) -> Table:
    """F1, precision, recall and support of each class."""

    def spread(name: str, field: str) -> Spread:
        return Spread(tuple(getattr(one.dialogues.live.by_class[name], field) for one in evaluated.seeds))

    def row(name: str, support: int) -> TableRow:
        scores = [spread(name, field) for field in ("f1", "precision", "recall")]
        wanted = (
            goal(mean_and_deviation(scores[0].values)[0], RARE_GOAL) if name in ("fear", "disgust") else ""
        )
        now: tuple[Cell, ...] = (evaluated.now[0].dialogues.live.by_class[name].f1,) if evaluated.both else ()
        return TableRow(name, (*scores, *now, support, wanted))

    first = evaluated.seeds[0].dialogues.live
    now = ("F1, this bundle, measured now",) if evaluated.both else ()
    return Table(
        title=f"{evaluated.corpus} test, {evaluated.modalities}, live, by class",
        text=f"Mean ± standard deviation over {len(evaluated.seeds)} "
        f"seed{'s' * (len(evaluated.seeds) > 1)}, in percent.",
        columns=("F1", "precision", "recall", *now, "support", "goal"),
        rows=tuple(row(name, one.support) for name, one in first.by_class.items()),
    )


def voice(figures: VoiceFigures, folds: Sequence[float]) -> Table:
    """RAVDESS by actor, by sex, and EmoDB."""
    rows = [TableRow(f"RAVDESS, actors not heard, {figures.clips} clips, 8 classes", (figures.accuracy, ""))]
    if folds:
        wanted = goal(mean_and_deviation(folds)[0], VOICE_GOAL)
        rows.append(
            TableRow(f"RAVDESS, {len(folds)}-fold by actor, 8 classes", (Spread(tuple(folds)), wanted))
        )
    rows += [
        TableRow(f"RAVDESS, {sex} actors not heard", (value, "")) for sex, value in figures.by_sex.items()
    ]
    rows += by_class("RAVDESS", figures.recall_by_class)
    if figures.emodb is not None:
        rows.append(
            TableRow(
                f"EmoDB (German, {figures.emodb_clips} clips, never trained on), shared classes",
                (figures.emodb, ""),
            )
        )
        rows += by_class("EmoDB", figures.emodb_recall_by_class)
    text = "Unweighted accuracy and recall by class, in percent; a clip is one answer. ± is over the folds."
    return Table("The voice network by itself", ("recall", "goal"), tuple(rows), text)


def face(figures: FaceFigures) -> Table:
    """FER+."""
    rows = [
        TableRow(
            f"FER+ test, {figures.pictures} pictures, accuracy",
            (figures.accuracy, goal(figures.accuracy, FACE_GOAL)),
        ),
        *by_class("FER+", figures.recall_by_class),
        TableRow("parameters", (f"{figures.parameters:,}", ceiling(figures.parameters, FACE_PARAMETERS))),
        TableRow(
            "processor milliseconds a face, one thread",
            (figures.milliseconds, ceiling(figures.milliseconds, FACE_MILLISECONDS)),
        ),
    ]
    text = (
        "Strict majority of the votes after single votes are dropped, 8 classes, one forward pass, in "
        "percent."
    )
    return Table("The face network by itself", ("figure", "goal"), tuple(rows), text)


def by_class(corpus: str, recalls: Mapping[str, float]) -> list[TableRow]:
    """A row for each class."""
    return [TableRow(f"{corpus}, {name}", (value, "")) for name, value in recalls.items()]
