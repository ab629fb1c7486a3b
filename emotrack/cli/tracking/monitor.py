"""`emotrack monitor`: watches a tracker in another process."""

from __future__ import annotations

from typing import Annotated

import typer

from emotrack.cli.options import ClientKeysOption, ServerKeyOption, SessionOption, check_pair, recording


def monitor(
    endpoint: Annotated[
        str,
        typer.Argument(
            metavar="[ENDPOINT|RECORDING]",
            help="Where the tracker publishes, or a recording, which is played.",
        ),
    ] = "tcp://127.0.0.1:5556",
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="A line for each label instead of the picture that is redrawn.")
    ] = False,
    session: SessionOption = None,
    speed: Annotated[
        float, typer.Option("--speed", min=0.01, metavar="N", help="Of a recording: so many times as fast.")
    ] = 1.0,
) -> None:
    """Watch a running tracker, or a recording, speaker by speaker, in the terminal."""
    from rich.console import Console

    from emotrack.stream.views.monitor.terminal import run_monitor
    from emotrack.stream.wire.client.subscription import subscribe

    check_pair(server_key, keys)
    console = Console()
    plain = plain or not console.is_terminal
    if (recorded := recording(endpoint)) is not None:
        from emotrack.stream.wire.recordings.reading import read_messages
        from emotrack.stream.wire.recordings.replay import in_time

        run_monitor(in_time(read_messages(recorded, session), speed), console, plain=plain)
        return
    with subscribe(endpoint, server_key=server_key, keys=keys) as subscription:
        run_monitor(
            subscription,
            console,
            plain=plain,
            waiting=f"Waiting for a tracker at {endpoint} …",
        )
