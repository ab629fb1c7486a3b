"""The client's side of the snapshot socket: asks, waits a bounded time, and says once when nobody answers."""

import itertools
import math
import time
from collections.abc import Callable

import msgspec
import zmq

from emotrack.stream.wire.protocol.endpoints import Address
from emotrack.stream.wire.protocol.keys import ClientKeys
from emotrack.stream.wire.protocol.snapshots import Reply, SnapshotRefusal, SnapshotReply, SnapshotRequest

PATIENCE = 2.0
"""Seconds to wait for an answer."""
PAUSE = 10.0
"""Seconds during which one that did not answer is not asked again."""
BUSY_PAUSE = 0.1
LARGEST_REPLY = 64 << 20
"""Bytes; who sends more in one reply is disconnected."""

Curve = tuple[bytes, ClientKeys]
"""The publisher's public key and our own pair."""


class SnapshotClient:
    """A DEALER socket that moves to wherever the publisher says that it answers."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: Address,
        curve: Curve | None,
        on_problem: Callable[[str], None],
    ) -> None:
        self._context = context
        self._curve = curve
        self._on_problem = on_problem
        self._address = address
        self._ids = itertools.count(1)
        self._id = 0
        self._silent_until = 0.0
        self.socket = self._connect()

    def move(self, address: Address) -> None:
        """Ask there from now on."""
        if address != self._address:
            self._address = address
            self._silent_until = 0.0
            self.socket.close()
            self.socket = self._connect()

    def send(self, session: str | None, since: int | None) -> None:
        """Ask without waiting; earlier questions are forgotten."""
        self._id = next(self._ids)
        request = SnapshotRequest(id=self._id, session=session, since=since)
        try:
            self.socket.send(msgspec.json.encode(request), flags=zmq.NOBLOCK)
        except zmq.Again:  # as many questions wait as the socket holds: nobody is there to take them
            self._id = 0

    def receive(self) -> Reply | None:
        """The answer that has come, None when it answers another question or is none."""
        payload = self.socket.recv()
        decode = msgspec.json.decode if payload[:1] == b"{" else msgspec.msgpack.decode
        try:
            reply = decode(payload, type=Reply)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._on_problem(f"The snapshot socket {self._address} sent what is no reply: {error}.")
            return None
        return reply if isinstance(reply, SnapshotRefusal) or reply.id == self._id else None

    def ask(self, session: str, since: int | None) -> SnapshotReply | None:
        """Ask and wait; None when there is no answer in time."""
        now = time.monotonic()
        if now < self._silent_until:
            return None
        deadline = now + PATIENCE
        self.send(session, since)
        while (left := deadline - time.monotonic()) > 0:
            if not self.socket.poll(math.ceil(left * 1000)):
                break
            match self.receive():
                case SnapshotReply() as reply:
                    return reply
                case SnapshotRefusal(busy=True):
                    time.sleep(BUSY_PAUSE)
                    self.send(session, since)
                case SnapshotRefusal(message=message):
                    self._on_problem(f"The snapshot socket {self._address} refused to answer: {message}")
                    return None
        self._silent_until = time.monotonic() + PAUSE
        self._on_problem(
            f"The snapshot socket {self._address} does not answer: what is lost on the way stays lost."
        )
        return None

    def _connect(self) -> zmq.Socket[bytes]:
        opened = self._context.socket(zmq.DEALER)
        configure_client(opened, self._address, self._curve)
        opened.maxmsgsize, opened.rcvhwm = LARGEST_REPLY, 1
        opened.connect(str(self._address))
        found: zmq.Socket[bytes] = opened
        return found


def configure_client(opened: zmq.Socket[bytes], address: Address, curve: Curve | None) -> None:
    """Set what every client socket needs: a dead connection is noticed and made again; encryption where asked
    for."""
    opened.linger = 0
    opened.ipv6 = address.is_ipv6
    opened.heartbeat_ivl = 2_000
    opened.heartbeat_timeout = 6_000
    if curve:
        server_key, own = curve
        opened.curve_serverkey, opened.curve_publickey, opened.curve_secretkey = (
            server_key,
            own.public,
            own.secret,
        )
