"""`emotrack keys`: CURVE keys for a publisher and its clients."""

import sys
from collections.abc import Sequence
from pathlib import Path

from emotrack.say import say
from emotrack.stream.wire.keys import create_keys


def keys_command(directory: Path, clients: Sequence[str]) -> None:
    """The files written, on stdout; what to do with them, on stderr."""
    for path in create_keys(directory, clients):
        sys.stdout.write(f"{path}\n")
    say(f"publish with `--keys {directory}`; give each client {directory / 'server.key'} and its own .key_secret file.")
