"""`emotrack export`: what several runs trained, as one bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from emotrack.errors import UserError
from emotrack.notify import notify


def export(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Folders of bundles, each with other parts.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new bundle.")],
    figures: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--figures",
            help="What `emotrack evaluate --table all --format json` printed: for the bundle and its model "
            "card.",
        ),
    ] = None,
) -> None:
    """Join what several trainings made into one bundle."""
    from emotrack.training.bundles.export import export  # seconds to import

    content = None if figures is None else read_figures(figures)
    notify(f"wrote bundle {export(runs, out, content)} to {out}.")


def read_figures(path: Path) -> dict[str, Any]:
    """What a bundle keeps of an evaluation; raises `UserError` where the file is none."""
    try:
        found = json.loads(path.read_bytes())["metrics"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise UserError(
            f"{path} does not hold figures: make it with `emotrack evaluate … --table all --format json`."
        )
    return found
