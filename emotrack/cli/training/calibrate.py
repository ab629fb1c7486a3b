"""`emotrack calibrate`: a bundle whose confidence fits clips of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack.notify import notify


def calibrate(
    store: Annotated[
        Path,
        typer.Argument(metavar="STORE", help="Store of labelled utterances that `emotrack features` made."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new bundle.")],
    bundle: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--bundle", metavar="DIR", help="Bundle to calibrate; the shipped one unless given."),
    ] = None,
) -> None:
    """Fit how sure a bundle is of its labels to utterances of your own; the labels stay as they are."""
    from emotrack.model.bundle import default_directory  # seconds to import, as is all that follows
    from emotrack.training.bundles.calibration import LEAST, calibrate
    from emotrack.training.evaluation.tables.render import Table, TableRow
    from emotrack.training.features.store import open_store

    found = open_store(store)
    identifier, fits = calibrate(bundle or default_directory(), found, out)
    text = (
        f"Fitted to the split dev of {store}, where at least {LEAST} utterances have the modes; the error "
        "is that of its split test. Labels other than the bundle's are left out."
    )
    columns = ("dev utterances", "temperature", "test utterances", "calibration error")
    rows = [
        TableRow(
            fit.modes,
            (fit.utterances, change(fit.temperatures, 2) or "kept", fit.judged, change(fit.errors, 3)),
        )
        for fit in fits
    ]
    sys.stdout.write(Table("How sure the labels are", columns, tuple(rows), text).markdown())
    notify(f"wrote bundle {identifier} to {out}; track with it: --set bundle={out}.")


def change(values: tuple[float, float] | None, places: int) -> str:
    """Before and after."""
    return "" if values is None else " → ".join(f"{value:.{places}f}" for value in values)
