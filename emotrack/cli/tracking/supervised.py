"""What a service manager is told of a session: that it has begun, that it lives, and that it ends.

That is sd_notify(3), one datagram a word; the packages for it have had no release for years.

With `WatchdogSec=` in the unit a session whose loop hangs says nothing any more, and is started again."""

import contextlib
import os
import socket

from emotrack.stream.wire.protocol.messages import Heartbeat, Session
from emotrack.stream.wire.publish.sinks import Outgoing

ADDRESS = "NOTIFY_SOCKET"


class ServiceManager:
    """A sink; `address`: where the manager listens. What it does not hear is no fault of the session."""

    watches = True
    prompt = True
    """It never waits, and is told by who lives, not by a thread that always does."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def write(self, outgoing: Outgoing) -> None:
        """Tell it, where a message is worth a word."""
        match outgoing.message:
            case Session(state="started", session=name):
                self._tell(f"READY=1\nSTATUS=session {name}")
            case Session(state="ended"):
                self._tell("STOPPING=1")
            case Heartbeat():
                self._tell("WATCHDOG=1")

    def close(self) -> None:
        """Say no more."""
        self._socket.close()

    def _tell(self, words: str) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(words.encode(), self._address)


def service_manager() -> ServiceManager | None:
    """The one that has started this process and wants to be told, or None. No child is to speak for it."""
    address = os.environ.pop(ADDRESS, "")
    return ServiceManager(address) if address[:1] in ("/", "@") else None
