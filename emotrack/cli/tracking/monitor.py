"""`emotrack monitor`: watches a tracker in another process."""

from __future__ import annotations

from typing import Annotated

import typer

from emotrack.cli.options import ClientKeysOption, ServerKeyOption, check_pair


def monitor(
    endpoint: Annotated[
        str, typer.Argument(metavar="ENDPOINT", help="Where the tracker publishes.")
    ] = "tcp://127.0.0.1:5556",
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="A line for each label instead of the picture that is redrawn.")
    ] = False,
) -> None:
    """Watch a running tracker, speaker by speaker, in the terminal."""
    from rich.console import Console

    from emotrack.stream.views.monitor.terminal import run_monitor
    from emotrack.stream.wire.client.subscription import subscribe

    check_pair(server_key, keys)
    console = Console()
    with subscribe(endpoint, server_key=server_key, keys=keys) as subscription:
        run_monitor(
            subscription,
            console,
            plain=plain or not console.is_terminal,
            waiting=f"Waiting for a tracker at {endpoint} …",
        )
