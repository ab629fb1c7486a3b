"""Subscribing: typed messages from a publisher, with losses seen by `topic_seq` and healed from its snapshot
socket.

As any client of the protocol should, it subscribes first, then asks for a snapshot, then applies what comes
by `seq`. All of it happens in the thread that iterates; nothing here imports more than pyzmq and msgspec.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import zmq

from emotrack.errors import UserError
from emotrack.notify import plain, shorten
from emotrack.stream.wire.client.connection import ConnectionWatch
from emotrack.stream.wire.client.progress import Selection, SessionProgress
from emotrack.stream.wire.client.snapshots import Curve, SnapshotClient, configure_client
from emotrack.stream.wire.protocol.encoding import BadMessage, decode, topic
from emotrack.stream.wire.protocol.endpoints import DEFAULT_ENDPOINT, WILDCARDS, Address, parse_endpoint
from emotrack.stream.wire.protocol.keys import ClientKeys, load_public_key
from emotrack.stream.wire.protocol.messages import KINDS, Heartbeat, Message, Session
from emotrack.stream.wire.protocol.snapshots import SnapshotReply

log = logging.getLogger(__name__)

RECEIVED_WAITING = 64
"""Messages that may wait unread on this side, of the greatest size, too. Whoever reads more slowly leaves the
rest to the network's and the publisher's queues, and what these cannot hold is asked for again."""
LARGEST_MESSAGE = 1 << 20
"""Bytes; who sends more in one message is disconnected for good."""
LARGEST_REPLAY = 32 << 20
"""Bytes of messages that are asked for again at a time; the rest is lost."""
HEALING = 10.0
"""Seconds that one loss may take to heal, however many pages of events its publisher has."""
LONGEST_PROBLEM = 500
"""Letters; what a publisher is quoted with may be anything."""


def subscribe(
    endpoint: str = DEFAULT_ENDPOINT,
    *,
    session: str | None = None,
    kinds: Collection[str] | None = None,
    speaker: str | None = None,
    since: int | None = None,
    snapshot_endpoint: str | None = None,
    server_key: str | Path | None = None,
    keys: str | Path | None = None,
    timeout: float | None = None,
    on_problem: Callable[[str], None] | None = None,
) -> "Subscription":
    """Subscribe to a publisher; iterate over the result for its messages.

    `session`, `kinds` and `speaker` select (a speaker selects among labels and speaker events; other kinds
    have none). What holds at the time of joining comes first: the session, the feeds, every speaker and their
    label. With `since` (a `seq` of `session`; 0: its beginning) it is everything after that which the
    publisher still has. `server_key` (the publisher's key or its file) and `keys` (this client's
    `.key_secret` file) turn encryption on. After `timeout` seconds without a message `TimeoutError` is raised
    (healing a loss may take `HEALING` seconds more). `on_problem` is told, in one sentence each, what went
    wrong without ending the subscription (keys that are refused, a tracker that died); by default it is
    logged as a warning.
    """
    if unknown := set(kinds or ()) - set(KINDS):
        raise UserError(f"{sorted(unknown)[0]!r} is no kind of message: choose among {', '.join(KINDS)}.")
    if (server_key is None) != (keys is None):
        raise UserError(
            "An encrypted subscription needs both the publisher's key and this client's own keys."
        )
    address = parse_endpoint(endpoint)
    if address.host in WILDCARDS:
        raise UserError(f"{endpoint} names no machine to connect to: write its name or address.")
    curve = (load_public_key(server_key), ClientKeys.load(Path(keys))) if server_key and keys else None
    selection = Selection(session, frozenset(kinds or KINDS), speaker)
    fixed = parse_endpoint(snapshot_endpoint) if snapshot_endpoint else None
    tell = on_problem or _warn

    def quote(sentence: str) -> None:
        tell(shorten(plain(sentence), LONGEST_PROBLEM))

    return Subscription(address, selection, since, fixed, curve, timeout, quote)


class Subscription:
    """An iterator of messages and a context manager; it belongs to the thread that iterates."""

    def __init__(
        self,
        address: Address,
        selection: Selection,
        since: int | None,
        snapshot_address: Address | None,
        curve: Curve | None,
        timeout: float | None,
        on_problem: Callable[[str], None],
    ) -> None:
        self.skipped = 0
        """Frames that were no messages."""
        self.restarts = 0
        """Times that the publisher began another session."""
        self._address = address
        self._selection = selection
        self._since = since
        self._timeout = timeout
        self._on_problem = on_problem
        self._progress: SessionProgress | None = None
        self._lost_earlier = 0
        self._pending: deque[Message] = deque()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.rcvhwm = RECEIVED_WAITING
        self._socket.maxmsgsize = LARGEST_MESSAGE
        configure_client(self._socket, address, curve)
        for prefix in selection.prefixes():
            self._socket.subscribe(prefix)
        self._watch = ConnectionWatch(
            self._socket, address, encrypted=curve is not None, on_problem=on_problem
        )
        self._socket.connect(str(address))
        self._snapshots = SnapshotClient(
            self._context, snapshot_address or address.beside(), curve, on_problem
        )
        self._follow_heartbeats = snapshot_address is None
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._watch.socket, zmq.POLLIN)
        self._snapshots.send(selection.session, since)

    @property
    def session(self) -> str | None:
        """The session that messages come from; None before the first."""
        return self._progress.session if self._progress else None

    @property
    def connected(self) -> bool:
        """Whether a publisher is connected at this moment, be it silent or not."""
        return self._watch.connected

    @property
    def lost(self) -> int:
        """Wanted messages that were lost and could not be had again."""
        return self._lost_earlier + (self._progress.lost if self._progress else 0)

    def receive(self, timeout: float | None = None) -> Message:
        """The next message; `TimeoutError` after `timeout` seconds (by default those of the subscription)."""
        limit = self._timeout if timeout is None else timeout
        deadline = None if limit is None else time.monotonic() + limit
        while not self._pending:
            left = None if deadline is None else deadline - time.monotonic()
            self._wait(left)
            if not self._pending and left is not None and left <= 0:  # whatever came that is no message
                raise TimeoutError(f"No message from {self._address} for {limit:g} s.")
        return self._pending.popleft()

    def close(self) -> None:
        """Close the sockets."""
        self._context.destroy(linger=0)

    def __iter__(self) -> Iterator[Message]:
        while True:
            yield self.receive()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self, left: float | None) -> None:
        """Wait at most `left` seconds for something to happen and deal with it."""
        waits = [max(0.0, wait) for wait in (left, self._watch.until_due()) if wait is not None]
        joining = self._progress is None
        if joining:
            self._poller.register(self._snapshots.socket, zmq.POLLIN)
        ready = dict(self._poller.poll(math.ceil(min(waits) * 1000) if waits else None))
        if joining:
            self._poller.unregister(self._snapshots.socket)
        if self._watch.socket in ready:
            self._watch.receive()
        if self._socket in ready:
            self._watch.heard()
            self._handle(self._socket.recv_multipart())
        elif self._snapshots.socket in ready:
            reply = self._snapshots.receive()
            if (
                isinstance(reply, SnapshotReply)
                and reply.session
                and self._selection.session in (None, reply.session)
            ):
                self._watch.heard()
                self._start(reply, self._since, joined_at=reply.seq)
        if self._socket not in ready and self._watch.wants_anew():  # or what waits there would be lost
            with suppress(zmq.ZMQError):  # where ZeroMQ has given it up
                self._socket.disconnect(str(self._address))
            self._socket.connect(str(self._address))
        if not ready:
            self._watch.tell_silence()

    def _handle(self, frames: list[bytes]) -> None:
        try:
            if len(frames) != 2:
                raise BadMessage(f"A message has two frames, not {len(frames)}.")
            message = decode(frames[1])
            if topic(message).encode() != frames[0]:
                raise BadMessage(f"The message on {frames[0]!r} belongs on {topic(message)}.")
        except BadMessage as error:
            self.skipped += 1
            self._on_problem(f"Skipped what is no message: {error}")
            return
        if isinstance(message, Heartbeat) and message.snapshot_endpoint and self._follow_heartbeats:
            self._follow(message.snapshot_endpoint)
        progress = self._progress
        if progress is None or progress.session != message.session:
            progress = self._join(message)
        if isinstance(message, Session) and message.state == "ended":
            self._watch.ended()
        if not progress.is_new(message):
            return
        if progress.misses_before(message):
            self._replay(progress, message.seq - 1)
            progress.settled = max(progress.settled, message.seq - 1)
            if not progress.is_new(message):
                return
        self._deliver(progress, message)

    def _join(self, first: Message) -> SessionProgress:
        """Begin a session whose first message has come, with its snapshot if that can be had."""
        since = self._since
        if self._progress is not None:
            self._on_problem(
                f"The publisher started again: session {first.session} follows {self._progress.session}."
            )
            self.restarts += 1
            self._lost_earlier += self._progress.lost
            since = 0
        reply = self._snapshots.ask(first.session, since)
        if reply is not None and reply.session == first.session:
            return self._start(reply, since, joined_at=first.seq - 1)
        self._progress = self._new_progress(first.session, first.seq - 1, exact=False)
        return self._progress

    def _start(self, reply: SnapshotReply, since: int | None, joined_at: int) -> SessionProgress:
        """Begin the session of `reply`: with what held when we joined and what came then, or with the events
        after `since`."""
        if since is None:
            held = [
                message
                for message in self._messages(reply.current, reply.session)
                if message.seq <= joined_at
            ]
            self._pending.extend(message for message in held if self._selection.wants(topic(message)))
        begin = joined_at if since is None else since
        progress = self._new_progress(reply.session or "", begin, exact=begin == 0)
        self._replay(progress, reply.seq)
        if begin > 0 and self._selection.is_everything:  # no topic tells of what came before
            progress.lost += reply.lost
        progress.settled, progress.exact = reply.seq, True
        progress.place_all(reply.topics)
        self._progress = progress
        return progress

    def _new_progress(self, session: str, settled: int, *, exact: bool) -> SessionProgress:
        return SessionProgress(session, settled, self._selection.wants, self._selection.sees_all, exact)

    def _replay(self, progress: SessionProgress, until: int) -> None:
        """Deliver, in order, what the publisher still has after `settled`, at least up to `until`.

        What it has beyond is taken too: with much loss that saves asking for each gap, and what comes twice
        is known by its `seq`.
        """
        deadline, left = time.monotonic() + HEALING, LARGEST_REPLAY
        while progress.settled < until and time.monotonic() < deadline and left > 0:
            since = progress.settled
            reply = self._snapshots.ask(progress.session, since)
            if reply is None or reply.session != progress.session:
                return
            events = self._messages(reply.events, progress.session)
            left -= sum(map(len, reply.events))
            if not events or events[-1].seq <= since:
                return
            if reply.lost:  # what the ring no longer holds is gone, but for the current labels
                self._on_problem(
                    f"{reply.lost} messages after {since} are older than what the publisher keeps."
                )
                current = self._messages(reply.current, progress.session)
                events = [message for message in current if message.seq < events[0].seq] + events
            for message in events:
                if progress.is_new(message):
                    self._deliver(progress, message)
            progress.settled = max(progress.settled, events[-1].seq)

    def _deliver(self, progress: SessionProgress, message: Message) -> None:
        progress.take(message)
        if self._selection.wants(topic(message)):
            self._pending.append(message)

    def _messages(self, raws: list[Any], session: str | None) -> list[Message]:
        """The messages of this session among those of a reply."""
        messages = []
        for raw in raws:
            try:
                message = decode(bytes(raw))
                if message.session != session:
                    raise BadMessage(f"It belongs to the session {message.session}, not to {session}.")
                messages.append(message)
            except BadMessage as error:
                self.skipped += 1
                self._on_problem(f"Skipped what is no message: {error}")
        return messages

    def _follow(self, endpoint: str) -> None:
        """Ask from now on where the publisher says that it answers."""
        try:
            self._snapshots.move(parse_endpoint(endpoint).seen_from(self._address))
        except UserError as error:
            self._on_problem(f"The publisher names no usable snapshot address: {error}")


def _warn(sentence: str) -> None:
    log.warning("%s", sentence)
