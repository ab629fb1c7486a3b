"""`emotrack monitor`: watches a tracker in another process."""

from pathlib import Path

from rich.console import Console

from emotrack.model.errors import UserError
from emotrack.stream.monitor.terminal import run_monitor
from emotrack.stream.subscribe import subscribe


def monitor_command(endpoint: str, server_key: str | None, keys: Path | None, plain: bool) -> None:
    """Until Ctrl-C; survives restarts of the tracker."""
    if (server_key is None) != (keys is None):
        missing = "--keys FILE, your own .key_secret file" if keys is None else "--server-key KEY, the publisher's public key"
        raise UserError(f"A publisher that encrypts takes two keys, and one is missing: add {missing}.")
    console = Console()
    with subscribe(endpoint, server_key=server_key, keys=keys) as subscription:
        run_monitor(subscription, console, plain=plain or not console.is_terminal, waiting=f"Waiting for a tracker at {endpoint} …")
