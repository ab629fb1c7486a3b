"""`emotrack evaluate`: a bundle's figures beside the papers'."""

from collections.abc import Sequence
from pathlib import Path

from emotrack.model.errors import UserError
from emotrack.training.tables import NAMES

ALL = "all"
FORMATS = ("markdown", "json")


def evaluate_command(
    directories: Sequence[Path],
    *,
    table: str,
    reference: Path | None,
    stores: Sequence[Path],
    work: Path | None,
    output: str,
    plots: Path | None,
    folds: Path | None,
) -> None:
    """Measure bundles, as far as that was not done before, and print the table, or all of them, on stdout."""
    if table not in (*NAMES, ALL):
        raise UserError(f"There is no table {table!r}; choose one of {', '.join(NAMES)}, {ALL}.")
    if output not in FORMATS:
        raise UserError(f"There is no format {output!r}; choose {' or '.join(FORMATS)}.")
    from emotrack.commands.evaluating import evaluate_bundles  # seconds to import: mistakes in the arguments are told before

    names = NAMES if table == ALL else (table,)
    evaluate_bundles(
        directories, names, reference=reference, stores=stores, work=work, as_json=output == "json", plots=plots, folds=folds
    )
