"""Tables `ablation` and `missing`: the papers' ablations, and every subset of the modes with three ways to
stand in for the others."""

from collections.abc import Mapping, Sequence

from emotrack.training.evaluation.evaluated import NOT_MEASURED, SUBSETS, Evaluated
from emotrack.training.evaluation.papers import ABLATIONS, AMUSE, FOOTNOTES, MODES, PaperRow
from emotrack.training.evaluation.records import AbsentModes, Halfway, MosiFigures, Variant
from emotrack.training.evaluation.tables.render import NEEDS_MEDIA, Cell, Spread, Table, TableRow, given
from emotrack.training.loop.metrics import mean_and_deviation

SAME_AS_FULL = ("full model", "ACN layers 4", "focal γ 1")
"""Rows of the papers that are the full model."""
NEEDS_BODY = ("No Face", "No Body")


def ablation_tables(evaluated: Evaluated) -> list[Table]:
    """AM²-EmoJE's and AMuSE's ablations."""
    text = (
        "Ours: MOSI test (binary sentiment, all modes, live), a network trained for each row and seed. The "
        "papers' columns are other data and another task: only the order of the rows can be compared."
    )
    return [
        Table(title, COLUMNS, tuple(row(one, evaluated.mosi) for one in rows), text, FOOTNOTES)
        for title, rows in (("Ablations of AM²-EmoJE (Table 3)", ABLATIONS), ("Ablations of AMuSE", AMUSE))
    ]


COLUMNS = (
    "ours, MOSI weighted F1", "difference to full", "ours, MOSI accuracy",
    "ours, MELD and IEMOCAP", "paper, MELD", "paper, IEMOCAP",
)  # fmt: skip


def row(published: PaperRow, mosi: MosiFigures | None) -> TableRow:
    """One ablation."""
    cells = (*ours(published.name, mosi), NEEDS_MEDIA, given(published.meld), given(published.iemocap))
    return TableRow(published.name, cells, published.notes)


def ours(name: str, mosi: MosiFigures | None) -> tuple[Cell, Cell, Cell]:
    """Weighted F1, its difference to the full model with the same seed, and accuracy."""
    if any(body in name for body in NEEDS_BODY):
        return NEEDS_MEDIA, NEEDS_MEDIA, NEEDS_MEDIA
    variant = "full" if name in SAME_AS_FULL else name
    if mosi is None or variant not in mosi.variants:
        return NOT_MEASURED, NOT_MEASURED, NOT_MEASURED
    figures, full = mosi.variants[variant].all, mosi.variants["full"].all
    changes = Spread(
        tuple(one.weighted_f1 - other.weighted_f1 for one, other in zip(figures, full, strict=True))
    )
    f1, accuracy = (
        Spread(tuple(getattr(one, field) for one in figures)) for field in ("weighted_f1", "accuracy")
    )
    return f1, "–" if variant == "full" else changes, accuracy


WORST_LOSS = 0.3
"""Points that JE may lose against masked fusion."""

LEAST_GAIN = 0.5
"""Points that JE's memory should give over masked fusion."""

PAIRS = ("T+A", "T+V", "A+V")
WAYS = ("zero", "masked", "joint")


def missing_tables(evaluated: Evaluated) -> list[Table]:
    """MOSI, label-matched MELD, and the papers' pairs."""
    tables = []
    parallel, drawn = mosi_subsets(evaluated), matched_subsets(evaluated)
    if parallel and evaluated.mosi:
        linear = {name: (one.weighted_f1, one.accuracy) for name, one in evaluated.mosi.linear.items()}
        text = (
            f"CMU-MOSI: modes recorded together, binary sentiment, {evaluated.mosi.utterances} test "
            f"utterances, our network trained on it with {len(evaluated.mosi.seeds)} seeds. Weighted F1 "
            "unless said otherwise. Linear: logistic regression on just those features. The published "
            "features were themselves learnt on the training videos, where they tell far more than on "
            "test; A and V alone are near chance there."
        )
        tables.append(subsets("Missing modes on MOSI, truly parallel", text, parallel, linear))
        if remembering := evaluated.mosi.variants.get("JE with memory"):
            tables.append(halfway(remembering))
    if drawn:
        text = (
            "MELD test, live, with voices and faces drawn by label: **not comparable** with published "
            "figures. Weighted F1 unless said otherwise. The three modes are independent given the label, "
            "so there is little to impute from."
        )
        tables.append(subsets("Missing modes on label-matched MELD", text, drawn, {}))
    return [*tables, pairs(parallel, drawn)]


def mosi_subsets(evaluated: Evaluated) -> Mapping[str, Sequence[AbsentModes]]:
    """By subset, the full model's figures on MOSI for each seed."""
    return evaluated.mosi.variants["full"].subsets if evaluated.mosi else {}


def matched_subsets(evaluated: Evaluated) -> Mapping[str, Sequence[AbsentModes]]:
    """By subset, the figures on label-matched MELD for each seed."""
    found = [one.matched for one in evaluated.seeds if one.matched is not None]
    measured = [name for name in SUBSETS if found and all(name in one for one in found)]
    return {name: [one[name] for one in found] for name in measured}


def subsets(
    title: str,
    text: str,
    rows: Mapping[str, Sequence[AbsentModes]],
    linear: Mapping[str, tuple[float, float]],
) -> Table:
    """One row for each subset of the modes."""

    def cells(name: str) -> tuple[Cell, ...]:
        ways: list[Cell] = [spread(rows[name], way) for way in WAYS]
        gain = gains(rows[name])
        verdict = "met" if round(mean_and_deviation(gain)[0], 2) >= -WORST_LOSS else "missed"
        accuracy = Spread(tuple(one.joint.accuracy for one in rows[name]))
        baseline: tuple[Cell, ...] = linear.get(name, ())
        return (
            (*ways, "–", "–", accuracy, *baseline)
            if name == "T+A+V"
            else (*ways, Spread(gain), verdict, accuracy, *baseline)
        )

    columns = ("zero-fill", "masked fusion", "JE", "JE − masked", f"≥ −{WORST_LOSS}", "accuracy, JE")
    extra = ("linear", "accuracy, linear") if linear else ()
    return Table(
        title,
        (*columns, *extra),
        tuple(TableRow(name, cells(name)) for name in SUBSETS if name in rows),
        text,
    )


def halfway(remembering: Variant) -> Table:
    """One row for each set of modes that goes missing half through."""

    def row(name: str, seeds: Sequence[Halfway]) -> TableRow:
        gain = tuple(one.joint.weighted_f1 - one.masked.weighted_f1 for one in seeds)
        mean = round(mean_and_deviation(gain)[0], 2)
        verdict = (
            "met"
            if mean >= LEAST_GAIN
            else f"missed, but ≥ −{WORST_LOSS}"
            if mean >= -WORST_LOSS
            else "missed"
        )
        ways = (
            Spread(tuple(getattr(one, way).weighted_f1 for one in seeds))
            for way in ("masked", "line", "joint")
        )
        return TableRow(f"{name} gone", (*ways, Spread(gain), verdict))

    columns = ("masked fusion", "JE as in the paper", "JE with memory", "memory − masked", f"≥ {LEAST_GAIN}")
    text = (
        "CMU-MOSI: from the middle of each video on the modes are gone; weighted F1 of the utterances "
        "since then. All three are of the same networks, trained with a JE that also remembers what each "
        "speaker's modes were like. What dev says of these features is far too good (see above) to decide "
        "by it for each network."
    )
    rows = tuple(row(name, seeds) for name, seeds in remembering.halfway.items())
    return Table("A mode that goes missing half through, on MOSI", columns, rows, text)


def spread(rows: Sequence[AbsentModes], way: str) -> Spread:
    """Weighted F1 of one way over the seeds."""
    return Spread(tuple(getattr(one, way).weighted_f1 for one in rows))


def gains(rows: Sequence[AbsentModes]) -> tuple[float, ...]:
    """Points that JE gives over masked fusion, for each seed."""
    return tuple(one.joint.weighted_f1 - one.masked.weighted_f1 for one in rows)


def pairs(parallel: Mapping[str, Sequence[AbsentModes]], drawn: Mapping[str, Sequence[AbsentModes]]) -> Table:
    """The papers' pairs without and with JE."""
    published = {one.name: one for one in MODES}

    def row(name: str, way: str) -> TableRow:
        paper = published[name if way == "masked" else f"{name} (JE)"]
        ours = [spread(rows[name], way) if name in rows else NOT_MEASURED for rows in (parallel, drawn)]
        return TableRow(paper.name, (given(paper.meld), given(paper.iemocap), NEEDS_MEDIA, *ours))

    columns = (
        "AM²-EmoJE, MELD",
        "AM²-EmoJE, IEMOCAP",
        "ours, MELD and IEMOCAP",
        "ours, MOSI",
        "ours, label-matched",
    )
    rows = tuple(row(name, way) for name in PAIRS for way in ("masked", "joint"))
    text = (
        "Weighted F1 with one mode missing at test time. Ours without JE is fusion over what is present, "
        "not a weakened model."
    )
    return Table("Pairs with and without JE", columns, rows, text)
