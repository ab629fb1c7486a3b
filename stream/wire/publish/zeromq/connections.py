"""Who is connected to a socket that publishes or answers, and how they are kept within bounds.

libzmq holds what a connection sends until a message is complete, however many parts that takes, and lets
nobody disconnect one. Its monitor socket names the descriptor of each connection, though, and every message
the descriptor that it came by. So each connection has an account here: what the system has received on it and
what has come of that. Whoever is beyond a limit has their connection shut down; honest ones connect again by
themselves.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import zmq

UNFINISHED = 32 << 10
"""Bytes that one connection may have sent without a whole message having come of them."""
UNFINISHED_IN_ALL = 384 << 10
"""The same for all of a socket's connections; libzmq needs up to 50 times as much memory for them."""
UNFINISHED_EVER = 128 << 10
"""The same over a connection's life, in which what heartbeats need is not forgiven."""
HEARTBEATS = 64.0
"""Bytes a second that are forgiven: heartbeats are no messages."""
FRESH = 2.0
"""Seconds for which a connection is looked at each time."""
QUIET_LOOKED_AT = 125
"""Older ones that owe nothing take turns, where there are more: a thousand looks take over a millisecond."""
HANDSHAKE = 1 << 10
"""Bytes that are forgiven once."""
LARGEST_CONTROL = 16
"""Bytes that framing (and encryption's counters) add to one part, or a little more."""

_EVENT = struct.Struct("=Hi")
"""First frame of an event: its number and its value (`zmq.utils.monitor` would bring asyncio along)."""
_TRAFFIC = struct.Struct("=120xQQ")
"""Linux's `tcp_info`: bytes that the peer acknowledged, bytes received."""


@dataclass(slots=True, eq=False)
class Peer:
    """One connection."""

    descriptor: int
    ends: tuple[Any, Any]
    """Addresses of both ends, by which the system tells this connection from all others."""
    since: float
    user: str | None = None
    """The public key that it was admitted with, from its first message on; None without encryption."""
    proven: bool = False
    """Whether a message of some use has come from it."""
    leaving: bool = False
    """Whether it has been shut down, and only its end is still to be heard of."""
    explained: int = 0
    """Bytes of its whole messages since the last look."""
    looked: float = 0.0
    received: int = HANDSHAKE
    unfinished: float = 0.0
    unfinished_ever: float = 0.0
    answered: int = 0
    """Bytes of answers sent to it."""
    allowance: float | None = None
    """Messages that it may still send at once; None before the first."""
    counted: float = 0.0
    """When the allowance was last added to."""
    subscriptions: set[bytes] = field(default_factory=set)
    subscribed: int = 0
    """Their size in bytes."""

    @property
    def group(self) -> object:
        """Who shares in one fair part of the connections: a key, or else a machine."""
        remote = self.ends[1]
        return self.user or (remote[0] if isinstance(remote, tuple) else remote)

    def spend(self, now: float, per_second: float, burst: float) -> float:
        """Take one message from the allowance; what is left, negative for one too many."""
        had = burst if self.allowance is None else self.allowance + (now - self.counted) * per_second
        self.allowance, self.counted = min(burst, had) - 1, now
        return self.allowance


class Connections:
    """The connections of one bound socket, at most `limit`; `monitor` is to be polled by the thread that owns
    the socket."""

    def __init__(self, watched: zmq.Socket[bytes], limit: int) -> None:
        self.limit = limit
        self._watched = watched
        self._peers: dict[int, Peer] = {}
        self._turn = 0
        address = f"inproc://connections-{id(self):x}"
        watched.monitor(address, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED)
        self.monitor = watched.context.socket(zmq.PAIR)
        self.monitor.rcvhwm = 0  # whoever waits here is libzmq's own thread, which must not
        self.monitor.connect(address)

    def close(self) -> None:
        """Stop watching."""
        with contextlib.suppress(zmq.ZMQError):
            self._watched.monitor(None, 0)
        self.monitor.close(linger=0)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._peers.values()))

    def receive(self, now: float) -> list[Peer]:
        """Take in who came and who left; those who left."""
        gone = []
        while self.monitor.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            number, descriptor = _EVENT.unpack(self.monitor.recv_multipart()[0])
            if earlier := self._peers.pop(descriptor, None):
                gone.append(earlier)
            if number == zmq.EVENT_ACCEPTED and (ends := _ends(descriptor)):
                self._peers[descriptor] = Peer(descriptor, ends, now, looked=now)
                self._make_room()
        return gone

    def of(self, frame: zmq.Frame) -> Peer | None:
        """Whose message this is; None for one that is libzmq's own, or of someone who has left."""
        try:
            descriptor = int(frame.get(zmq.SRCFD))
        except zmq.ZMQError:
            return None
        peer = self._peers.get(descriptor)
        if peer and peer.user is None:
            with contextlib.suppress(zmq.ZMQError):
                peer.user = str(frame.get("User-Id")) or None
        return peer

    def look(self, now: float) -> None:
        """Shut down whoever has sent too much that no message came of."""
        debtors = []
        self._turn += 1
        turns = 1 + len(self._peers) // QUIET_LOOKED_AT
        for place, peer in enumerate(self._peers.values(), self._turn):
            quiet = not peer.unfinished and now - peer.since > FRESH
            if peer.leaving or (quiet and place % turns):
                continue
            traffic = _traffic(peer.descriptor)
            if traffic is None:
                continue
            passed, peer.looked = now - peer.looked, now
            more = traffic[1] - peer.received - peer.explained
            peer.received, peer.explained = max(peer.received, traffic[1]), 0
            peer.unfinished_ever = max(0.0, peer.unfinished_ever + more)
            peer.unfinished = max(0.0, peer.unfinished + more - passed * HEARTBEATS)
            if peer.unfinished > UNFINISHED or peer.unfinished_ever > UNFINISHED_EVER:
                self.disconnect(peer)
            elif peer.unfinished:
                debtors.append(peer)
        total = sum(peer.unfinished for peer in debtors)
        debtors.sort(key=lambda peer: peer.unfinished)
        while total > UNFINISHED_IN_ALL:
            worst = debtors.pop()
            total -= worst.unfinished
            self.disconnect(worst)

    def unread(self, peer: Peer) -> int:
        """Bytes of answers that a client has not fetched; 0 where the system does not tell."""
        traffic = _traffic(peer.descriptor) if peer.answered else None
        return max(0, peer.answered - traffic[0]) if traffic else 0

    def disconnect(self, peer: Peer) -> None:
        """Shut a connection down; libzmq then gives up what it holds of it."""
        peer.leaving = True
        with contextlib.suppress(OSError), _handle(peer.descriptor) as handle:
            if (handle.getsockname(), handle.getpeername()) == peer.ends:
                handle.shutdown(socket.SHUT_RDWR)

    def keep_only(self, users: Collection[str]) -> None:
        """Shut down whoever was admitted with another key, or has not said a word by which that is known."""
        for peer in self:
            if peer.user not in users:
                self.disconnect(peer)

    def _make_room(self) -> None:
        """Beyond the limit someone has to go: who has waited longest without a message of any use, else the
        newest of those who have most connections."""
        staying = [peer for peer in self._peers.values() if not peer.leaving]
        unproven = [peer for peer in staying if not peer.proven]
        if len(staying) <= self.limit:
            return
        if len(unproven) > 1:
            self.disconnect(unproven[0])
        else:
            groups: dict[object, list[Peer]] = {}
            for peer in staying:
                groups.setdefault(peer.group, []).append(peer)
            self.disconnect(max(groups.values(), key=len)[-1])


@contextlib.contextmanager
def _handle(descriptor: int) -> Iterator[socket.socket]:
    """A socket of our own for libzmq's descriptor, so that none of ours ever closes it; raises `OSError`
    where it is closed, or no socket any more."""
    copy = os.dup(descriptor)
    try:
        handle = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    with handle:
        yield handle


def _ends(descriptor: int) -> tuple[Any, Any] | None:
    try:
        with _handle(descriptor) as handle:
            return handle.getsockname(), handle.getpeername()
    except OSError:  # left already
        return None


def _traffic(descriptor: int) -> tuple[int, int] | None:
    """Bytes acknowledged and received; None where the system does not tell (ipc, other systems than Linux).

    Only read from, so the descriptor itself will do, even where it has become another's.
    """
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
    except OSError:
        return None
    try:
        acknowledged, received = _TRAFFIC.unpack(
            borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TRAFFIC.size)
        )
    except (OSError, struct.error):
        return None
    finally:
        borrowed.detach()
    return acknowledged, received
