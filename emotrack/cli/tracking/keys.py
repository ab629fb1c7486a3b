"""`emotrack keys`: CURVE keys for a publisher and its clients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack.notify import notify


def keys(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder for the keys; the publisher is given it with --keys."),
    ],
    clients: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--client", metavar="NAME", help="Name of a client to make keys for; may be repeated."),
    ] = None,
) -> None:
    """Make keys for an encrypted publisher and its clients."""
    from emotrack.stream.wire.protocol.keys import create_keys

    for path in create_keys(directory, clients or ("client",)):
        sys.stdout.write(f"{path}\n")
    notify(
        f"publish with `--keys {directory}`; give each client {directory / 'server.key'} and its own "
        ".key_secret file."
    )
