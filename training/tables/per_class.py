"""Table `per-class`: every class of the live labels, and the encoders by class, by sex and across corpora."""

from collections.abc import Mapping, Sequence

from emotrack.training.metrics import mean_and_deviation
from emotrack.training.tables.evaluated import Evaluated, ceiling, goal
from emotrack.training.tables.records import FaceFigures, VoiceFigures
from emotrack.training.tables.render import Cell, Row, Spread, Table

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

    def row(name: str, support: int) -> Row:
        scores = [spread(name, field) for field in ("f1", "precision", "recall")]
        wanted = goal(mean_and_deviation(scores[0].values)[0], RARE_GOAL) if name in ("fear", "disgust") else ""
        now: tuple[Cell, ...] = (evaluated.now[0].dialogues.live.by_class[name].f1,) if evaluated.both else ()
        return Row(name, (*scores, *now, support, wanted))

    first = evaluated.seeds[0].dialogues.live
    now = ("F1, this bundle, measured now",) if evaluated.both else ()
    return Table(
        title=f"{evaluated.corpus} test, {evaluated.streams}, live, by class",
        text=f"Mean ± standard deviation over {len(evaluated.seeds)} seed{'s' * (len(evaluated.seeds) > 1)}, in percent.",
        columns=("F1", "precision", "recall", *now, "support", "goal"),
        rows=tuple(row(name, one.support) for name, one in first.by_class.items()),
    )


def voice(figures: VoiceFigures, folds: Sequence[float]) -> Table:
    """RAVDESS by actor, by sex, and EmoDB."""
    rows = [Row(f"RAVDESS, actors not heard, {figures.clips} clips, 8 classes", (figures.accuracy, ""))]
    if folds:
        wanted = goal(mean_and_deviation(folds)[0], VOICE_GOAL)
        rows.append(Row(f"RAVDESS, {len(folds)}-fold by actor, 8 classes", (Spread(tuple(folds)), wanted)))
    rows += [Row(f"RAVDESS, {sex} actors not heard", (value, "")) for sex, value in figures.by_sex.items()]
    rows += by_class("RAVDESS", figures.recall_by_class)
    if figures.emodb is not None:
        rows.append(Row(f"EmoDB (German, {figures.emodb_clips} clips, never trained on), shared classes", (figures.emodb, "")))
        rows += by_class("EmoDB", figures.emodb_recall_by_class)
    text = "Unweighted accuracy and recall by class, in percent; a clip is one answer. ± is over the folds."
    return Table("The voice network by itself", ("recall", "goal"), tuple(rows), text)


def face(figures: FaceFigures) -> Table:
    """FER+."""
    rows = [
        Row(f"FER+ test, {figures.pictures} pictures, accuracy", (figures.accuracy, goal(figures.accuracy, FACE_GOAL))),
        *by_class("FER+", figures.recall_by_class),
        Row("parameters", (f"{figures.parameters:,}", ceiling(figures.parameters, FACE_PARAMETERS))),
        Row("processor milliseconds a face, one thread", (figures.milliseconds, ceiling(figures.milliseconds, FACE_MILLISECONDS))),
    ]
    text = "Strict majority of the votes after single votes are dropped, 8 classes, one forward pass, in percent."
    return Table("The face network by itself", ("figure", "goal"), tuple(rows), text)


def by_class(corpus: str, recalls: Mapping[str, float]) -> list[Row]:
    """A row for each class."""
    return [Row(f"{corpus}, {name}", (value, "")) for name, value in recalls.items()]
