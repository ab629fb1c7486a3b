"""`emotrack dashboard` as a process of its own, and what a browser is to see of it."""

import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions.commands import start

PATIENCE = 60.0


@contextmanager
def dashboard(source: str, *options: str, port: int = 0) -> Iterator[str]:
    """A dashboard of an endpoint or a recording; yields its address."""
    process = start("dashboard", source, "--port", str(port), *options)
    try:
        assert process.stdout is not None and process.stderr is not None
        address = process.stdout.readline().strip()
        assert address, process.stderr.read()
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def recorded(path: Path, bodies: Iterable[Message]) -> Path:
    """A recording of these messages."""
    outbox = Outbox("kitchen-1")
    with path.open("wb") as file:
        for body in bodies:
            file.write(encode(outbox.emit(body)) + b"\n")
    outbox.close()
    return path
