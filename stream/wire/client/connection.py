"""Why nothing comes: what ZeroMQ tells of refused connections, said once and in words; after a while, each
silence itself.

ZeroMQ tries again for ever and says nothing; its monitor socket tells of each handshake.
"""

import struct
import time
from collections.abc import Callable

import zmq

from emotrack.stream.wire.protocol.endpoints import Address

QUIET_FOR = 3.0
"""Seconds without a first message after which that is said (heartbeats come every second)."""
LOST_FOR = 5.0
"""Seconds without another message, in the middle of a session, after which that is said."""
AGAIN_AFTER = 1.0
"""Seconds after the end of a connection until it is asked for anew. ZeroMQ tries by itself, but not where the
other side broke a rule, with a message that is too large."""
DROPPED_HANDSHAKES = 10
"""Handshakes in a row, ten a second, that end without a reason before they count as refused.

One may be a publisher that just ends, or a mismatch whose reason got lost, as it often does, because the
other side hung up first.
"""
_WATCHED = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
_EVENT = struct.Struct("=Hi")
"""First frame of an event: its number and its value (`zmq.utils.monitor` would bring asyncio along)."""


class ConnectionWatch:
    """Watches one client socket; `socket` is to be polled, and belongs to the same thread."""

    def __init__(
        self,
        watched: zmq.Socket[bytes],
        address: Address,
        *,
        encrypted: bool,
        on_problem: Callable[[str], None],
    ) -> None:
        self.socket = watched.get_monitor_socket(_WATCHED)
        self._address = address
        self._encrypted = encrypted
        self._on_problem = on_problem
        self._quiet_at: float | None = time.monotonic() + QUIET_FOR
        self.connected = False
        """Whether a handshake has succeeded since the last interruption."""
        self._heard = False
        self._again_at: float | None = None
        self._dropped = 0
        self._told = False

    def heard(self) -> None:
        """Something came: all is well, and more is to come."""
        self._heard = True
        self._quiet_at = time.monotonic() + LOST_FOR

    def ended(self) -> None:
        """The session ended in order: silence is no wonder now."""
        self._quiet_at = None

    def until_due(self) -> float | None:
        """Seconds until `tell_silence` or `wants_anew` is to be asked; None where neither is going to be."""
        due = [moment for moment in (self._quiet_at, self._again_at) if moment is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def wants_anew(self) -> bool:
        """Whether the connection is to be asked for anew now."""
        if self._again_at is None or time.monotonic() < self._again_at:
            return False
        self._again_at = time.monotonic() + AGAIN_AFTER
        return True

    def tell_silence(self) -> None:
        """Say that nothing has come, if it is time to."""
        if self._quiet_at is None or time.monotonic() < self._quiet_at:
            return
        self._quiet_at = None
        if self._heard:
            self._on_problem(self._lost())
            return
        if self.connected:
            why = "a publisher answers there, but its session has not begun or is not the one asked for"
        elif self._encrypted:
            why = "no tracker runs there, or it cannot be reached"
        else:
            why = "no tracker runs there, or it is encrypted and wants --server-key and --keys"
        self._on_problem(f"Nothing from {self._address} yet: {why}.")

    def receive(self) -> None:
        """Take the event that waits, and tell of a refusal."""
        event, value = _EVENT.unpack(self.socket.recv_multipart()[0])
        self.connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        if event == zmq.EVENT_DISCONNECTED:
            self._again_at = time.monotonic() + AGAIN_AFTER
            return
        if self.connected:
            self._again_at = None
            self._dropped, self._told = 0, False
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self._tell(
                f"The publisher at {self._address} does not accept these keys: have NAME.key of this "
                "client put into the clients folder of its keys, and start again."
            )
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._tell(self._mismatch(value))
        else:
            self._dropped += 1
            if self._dropped == DROPPED_HANDSHAKES:
                self._tell(self._unexplained())

    def _lost(self) -> str:
        if self.connected:
            why = "the connection holds, but its tracker says nothing, not even that it lives"
        else:
            why = "its tracker has died, or cannot be reached any more"
        return f"Nothing from {self._address} for {LOST_FOR:g} s, and no word of an end: {why}."

    def _mismatch(self, value: int) -> str:
        if value != zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            return f"What answers at {self._address} does not speak ZeroMQ as expected: check the address."
        if self._encrypted:
            return (
                f"The publisher at {self._address} is not encrypted: start again without --server-key and "
                "--keys."
            )
        return f"The publisher at {self._address} is encrypted: start again with --server-key and --keys."

    def _unexplained(self) -> str:
        if not self._encrypted:
            return (
                f"What answers at {self._address} ends every connection: it is encrypted (start again with "
                "--server-key and --keys), or no publisher (check the address)."
            )
        return (
            f"The publisher at {self._address} does not accept these keys: its server key is another one "
            "(ask for its server.key), or it is not encrypted (start again without --server-key and "
            "--keys)."
        )

    def _tell(self, sentence: str) -> None:
        if not self._told:
            self._told = True
            self._quiet_at = None
            self._on_problem(sentence)
