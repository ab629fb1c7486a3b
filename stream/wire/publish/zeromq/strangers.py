"""What anyone may ask of a publisher: subscriptions and snapshots, each client within its share.

Who goes beyond is disconnected, or told to ask again in a moment; nobody else notices.
"""

import contextlib
from collections import Counter

import zmq

from emotrack.stream.wire.protocol.snapshots import SnapshotState
from emotrack.stream.wire.publish.zeromq.admission import AllowList
from emotrack.stream.wire.publish.zeromq.connections import LARGEST_CONTROL, Connections, Peer

SUBSCRIPTIONS = 64
"""Subscriptions that one client may hold."""
SUBSCRIPTION_BYTES = 8 << 10
"""Their size together."""
SUBSCRIPTION_BYTES_IN_ALL = 64 << 10
"""Size of all clients' different subscriptions; libzmq needs about 50 times as much memory for them."""
CHANGES_PER_SECOND, CHANGES_AT_ONCE = 50, 2 * SUBSCRIPTIONS
"""Subscriptions made and ended by one client."""
BATCH = 64
"""Subscriptions looked at before the next message is published."""

REQUESTS_PER_SECOND = 200
"""Requests answered in all."""
CLIENT_REQUESTS_PER_SECOND, CLIENT_REQUESTS_AT_ONCE = 20, 40
"""Requests of one client that are answered."""
REFUSALS = 200
"""Requests beyond those that a client is told so; then it is disconnected."""
PARTS = 8
"""Parts of a request with its addresses."""
UNREAD = 1 << 20
"""Bytes of answers that a client may leave unfetched and be answered still."""
UNREAD_IN_ALL = 16 << 20


class Subscriptions:
    """What is subscribed to at the XPUB socket. libzmq itself matches them with topics; here they are
    counted."""

    def __init__(
        self, publisher: zmq.Socket[bytes], connections: Connections, admitted: AllowList | None
    ) -> None:
        self._socket = publisher
        self._connections = connections
        self._admitted = admitted
        self._held: Counter[bytes] = Counter()
        self._bytes = 0

    def receive(self, now: float) -> None:
        """Take in who came, who left, and what some want now."""
        self._release(now)
        for _ in range(BATCH):
            try:
                frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            peer = self._connections.of(frame)
            if peer is None:  # who has come since
                self._release(now)
                peer = self._connections.of(frame)
            if peer is not None and not peer.leaving:
                self._take(peer, frame, now)

    def _release(self, now: float) -> None:
        for peer in self._connections.receive(now):
            for prefix in peer.subscriptions:
                self._drop(prefix)

    def _take(self, peer: Peer, frame: zmq.Frame, now: float) -> None:
        said = frame.bytes
        peer.explained += len(said) + LARGEST_CONTROL
        if (
            said[:1] not in (b"\0", b"\1")
            or peer.spend(now, CHANGES_PER_SECOND, CHANGES_AT_ONCE) < 0
            or (self._admitted is not None and peer.user not in self._admitted.keys)
        ):
            self._connections.disconnect(peer)
            return
        peer.proven = True
        prefix = said[1:]
        if said[0] == 0:
            if prefix in peer.subscriptions:
                peer.subscriptions.remove(prefix)
                peer.subscribed -= len(prefix)
                self._drop(prefix)
        elif prefix not in peer.subscriptions:
            peer.subscriptions.add(prefix)
            peer.subscribed += len(prefix)
            self._held[prefix] += 1
            self._bytes += len(prefix) if self._held[prefix] == 1 else 0
            if len(peer.subscriptions) > SUBSCRIPTIONS or peer.subscribed > SUBSCRIPTION_BYTES:
                self._connections.disconnect(peer)
            elif self._bytes > SUBSCRIPTION_BYTES_IN_ALL:
                staying = (one for one in self._connections if not one.leaving)
                self._connections.disconnect(max(staying, key=lambda one: one.subscribed))

    def _drop(self, prefix: bytes) -> None:
        self._held[prefix] -= 1
        if not self._held[prefix]:
            del self._held[prefix]
            self._bytes -= len(prefix)


class Requests:
    """What is asked at the ROUTER socket."""

    def __init__(
        self,
        router: zmq.Socket[bytes],
        connections: Connections,
        state: SnapshotState,
        admitted: AllowList | None,
    ) -> None:
        self._socket = router
        self._connections = connections
        self._state = state
        self._admitted = admitted
        self._allowance = float(REQUESTS_PER_SECOND)
        self._counted = 0.0

    def answer_one(self, now: float) -> None:
        """Answer the request that waits, if one does."""
        self._connections.receive(now)
        try:
            frames = [self._socket.recv(zmq.NOBLOCK, copy=False)]
        except zmq.Again:
            return
        size = 0
        while frames[-1].more:
            frame = self._socket.recv(copy=False)
            size += len(frame) + LARGEST_CONTROL
            frames[PARTS:] = [frame]  # the last ends the message, those between are not kept
        peer = self._connections.of(frames[-1])
        if peer is None:
            self._connections.receive(now)
            peer = self._connections.of(frames[-1])
        if peer is None or peer.leaving:
            return
        peer.explained += size
        *envelope, request = frames
        left = peer.spend(now, CLIENT_REQUESTS_PER_SECOND, CLIENT_REQUESTS_AT_ONCE)
        if (
            len(frames) > PARTS
            or left < -REFUSALS
            or (self._admitted is not None and peer.user not in self._admitted.keys)
        ):
            self._connections.disconnect(peer)
            return
        peer.proven = True
        reply = self._answer(peer, request.bytes, left, now)
        with contextlib.suppress(zmq.ZMQError):  # a client that left or fetches no replies loses its own
            self._socket.send_multipart([*envelope, reply], flags=zmq.NOBLOCK)
            peer.answered += len(reply)

    def _answer(self, peer: Peer, request: bytes, left: float, now: float) -> bytes:
        passed, self._counted = now - self._counted, now
        self._allowance = min(REQUESTS_PER_SECOND, self._allowance + passed * REQUESTS_PER_SECOND)
        if left < 0 or self._allowance < 1:
            return self._state.refuse("Too many requests: ask again in a moment.", busy=True)
        if self._connections.unread(peer) > UNREAD:
            return self._state.refuse("Earlier answers are on their way: fetch them first.", busy=True)
        self._allowance -= 1
        unread = {one: self._connections.unread(one) for one in self._connections if not one.leaving}
        if sum(unread.values()) > UNREAD_IN_ALL:
            self._connections.disconnect(max(unread, key=unread.__getitem__))
        return self._state.answer(request)
