"""Table `ablation`: the papers' ablations, ours measured on MOSI, where a network is trained for each setting and seed."""

from emotrack.training.tables.evaluated import NOT_MEASURED, Evaluated
from emotrack.training.tables.papers import ABLATIONS, AMUSE, FOOTNOTES, Published
from emotrack.training.tables.records import MosiFigures
from emotrack.training.tables.render import NEEDS_MEDIA, Cell, Row, Spread, Table, given

SAME_AS_FULL = ("full model", "ACN layers 4", "focal γ 1")
"""Rows of the papers that are the full model."""
NEEDS_BODY = ("No Face", "No Body")


def ablation_tables(evaluated: Evaluated) -> list[Table]:
    """AM²-EmoJE's and AMuSE's ablations."""
    text = (
        "Ours: MOSI test (binary sentiment, all modes, live), a network trained for each row and seed. The papers' columns are "
        "other data and another task: only the order of the rows can be compared."
    )
    return [
        Table(title, COLUMNS, tuple(row(one, evaluated.mosi) for one in rows), text, FOOTNOTES)
        for title, rows in (("Ablations of AM²-EmoJE (Table 3)", ABLATIONS), ("Ablations of AMuSE", AMUSE))
    ]


COLUMNS = (
    "ours, MOSI weighted F1", "difference to full", "ours, MOSI accuracy",
    "ours, MELD and IEMOCAP", "paper, MELD", "paper, IEMOCAP",
)  # fmt: skip


def row(published: Published, mosi: MosiFigures | None) -> Row:
    """One ablation."""
    cells = (*ours(published.name, mosi), NEEDS_MEDIA, given(published.meld), given(published.iemocap))
    return Row(published.name, cells, published.notes)


def ours(name: str, mosi: MosiFigures | None) -> tuple[Cell, Cell, Cell]:
    """Weighted F1, its difference to the full model with the same seed, and accuracy."""
    if any(body in name for body in NEEDS_BODY):
        return NEEDS_MEDIA, NEEDS_MEDIA, NEEDS_MEDIA
    variant = "full" if name in SAME_AS_FULL else name
    if mosi is None or variant not in mosi.variants:
        return NOT_MEASURED, NOT_MEASURED, NOT_MEASURED
    figures, full = mosi.variants[variant].all, mosi.variants["full"].all
    changes = Spread(tuple(one.weighted_f1 - other.weighted_f1 for one, other in zip(figures, full, strict=True)))
    f1, accuracy = (Spread(tuple(getattr(one, field) for one in figures)) for field in ("weighted_f1", "accuracy"))
    return f1, "–" if variant == "full" else changes, accuracy
