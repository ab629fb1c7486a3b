"""`emotrack bundle`: what several runs trained, as one bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from emotrack.errors import UserError
from emotrack.notify import notify


def bundle(
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
    sign: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--sign",
            metavar="KEY",
            help="Sign the bundle with this secret key of minisign (`minisign -G` makes one).",
        ),
    ] = None,
) -> None:
    """Join what several trainings made into one bundle."""
    from emotrack.model.bundle import MANIFEST
    from emotrack.model.signature import open_secret_key
    from emotrack.model.signature import sign as sign_manifest
    from emotrack.training.bundles.bundle import write_bundle  # seconds to import

    def password() -> str:
        return str(typer.prompt(f"Password of {sign}", hide_input=True, err=True))

    content = None if figures is None else read_figures(figures)
    key = None if sign is None else open_secret_key(sign, password)
    identifier = write_bundle(runs, out, content)
    if key is not None:
        sign_manifest(out / MANIFEST, key)
    notify(f"wrote bundle {identifier} to {out}{'' if key is None else ', signed'}.")


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
