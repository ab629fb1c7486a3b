"""`emotrack calibrate`: a bundle whose confidence fits clips of one's own."""

import sys
from pathlib import Path

from emotrack.say import say


def calibrate_command(bundle: Path | None, store: Path, out: Path) -> None:
    """Fit the temperatures of `bundle`, the shipped one where None, on `store`; write it to `out` and print what changed."""
    from emotrack.model.bundle import default_directory  # seconds to import, as is all that follows
    from emotrack.training.calibrating import LEAST, calibrate
    from emotrack.training.features.store import open_store
    from emotrack.training.tables.render import Row, Table

    found = open_store(store)
    identifier, fits = calibrate(bundle or default_directory(), found, out)
    text = (
        f"Fitted to the split dev of {store}, where at least {LEAST} utterances have the modes; the error is that of its split "
        "test. Labels other than the bundle's are left out."
    )
    columns = ("dev utterances", "temperature", "test utterances", "calibration error")
    rows = [
        Row(fit.modes, (fit.utterances, change(fit.temperatures, 2) or "kept", fit.judged, change(fit.errors, 3))) for fit in fits
    ]
    sys.stdout.write(Table("How sure the labels are", columns, tuple(rows), text).markdown())
    say(f"wrote bundle {identifier} to {out}; track with it: --set bundle={out}.")


def change(values: tuple[float, float] | None, places: int) -> str:
    """Before and after."""
    return "" if values is None else " → ".join(f"{value:.{places}f}" for value in values)
