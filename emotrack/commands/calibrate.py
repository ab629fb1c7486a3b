"""`emotrack calibrate`: a bundle whose confidence fits clips of one's own."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emotrack.say import say

if TYPE_CHECKING:
    from emotrack.training.calibrating import Fit


def calibrate_command(bundle: Path | None, store: Path, out: Path) -> None:
    """Fit the temperatures of `bundle`, the shipped one where None, on `store`; write it to `out` and print what changed."""
    from emotrack.model.bundle import default_directory  # seconds to import, as is all that follows
    from emotrack.training.calibrating import calibrate
    from emotrack.training.features.store import open_store
    from emotrack.training.tables.render import Row, Table

    found = open_store(store)
    identifier, fits = calibrate(bundle or default_directory(), found, out)
    text = f"Fitted to the split dev of {store}; the error is that of its split test, before and after."
    columns = ("dev utterances", "temperature", "test utterances", "calibration error")
    rows = [Row(fit.modes, (fit.utterances, "{:.2f} → {:.2f}".format(*fit.temperatures), fit.judged, error(fit))) for fit in fits]
    sys.stdout.write(Table("How sure the labels are", columns, tuple(rows), text).markdown())
    say(f"wrote bundle {identifier} to {out}; track with it: --set bundle={out}.")


def error(fit: "Fit") -> str:
    """The calibration error of test before and after."""
    return "–" if fit.errors is None else "{:.3f} → {:.3f}".format(*fit.errors)
