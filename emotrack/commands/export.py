"""`emotrack export`: what several runs trained, as one bundle."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotrack.model.errors import UserError
from emotrack.say import say


def export_command(runs: Sequence[Path], out: Path, figures: Path | None) -> None:
    """Join the bundles of `runs` in `out`."""
    from emotrack.training.exporting import export  # seconds to import

    content = None if figures is None else read_figures(figures)
    say(f"wrote bundle {export(runs, out, content)} to {out}.")


def read_figures(path: Path) -> dict[str, Any]:
    """What a bundle keeps of an evaluation; raises `UserError` where the file is none."""
    try:
        found = json.loads(path.read_bytes())["metrics"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{path} does not hold figures: make it with `emotrack evaluate … --table all --format json`.")
    return found
