"""Publishing on ZeroMQ: one thread owns the XPUB socket and the ROUTER socket that answers snapshot requests.

At its high-water mark XPUB discards new messages for a slow subscriber; the mark is a tenth of the snapshot
ring, so that what is discarded there can still be asked for.
"""

import contextlib
import logging
import secrets
import socket
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from emotrack.errors import UserError
from emotrack.stream.settings import PublishSettings
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.endpoints import Address, parse_endpoint
from emotrack.stream.wire.protocol.keys import ServerKeys
from emotrack.stream.wire.protocol.parts import Encoding
from emotrack.stream.wire.protocol.snapshots import RING, SnapshotState
from emotrack.stream.wire.publish.bounded import WAITING_BYTES, BoundedQueue
from emotrack.stream.wire.publish.journal import Published, take
from emotrack.stream.wire.publish.mcap import SUFFIX
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed, SinkFailed
from emotrack.stream.wire.publish.zeromq.admission import RECHECK, Admission, AllowList
from emotrack.stream.wire.publish.zeromq.connections import Connections
from emotrack.stream.wire.publish.zeromq.sockets import bind_pair, find_descriptors, open_pair, refused
from emotrack.stream.wire.publish.zeromq.strangers import Requests, Subscriptions

if TYPE_CHECKING:
    from emotrack.stream.wire.publish.pictures import Pictures

log = logging.getLogger(__name__)

HIGH_WATER_MARK = RING // 10
WAITING = 10_000
"""Messages that may wait for the thread, within as many bytes as for any output; behind a full queue `write`
waits as long as the thread gets on."""
HANGS = 0.6
"""Seconds without a step of the thread after which it is told that it hangs."""
LINGER_MS = 300
"""How long closing waits for subscribers to fetch the last messages."""
LOOK = 0.02
"""Seconds between looks at what connections have sent."""


class Publisher:
    """A sink that publishes at `endpoint` (`tcp://host:port`, port 0: any free one; `ipc://path`).

    Without `keys` it binds to this machine only, unless `insecure`. What cannot be bound raises `UserError`
    here. `endpoint` and `snapshot_endpoint` are then the actual addresses.
    """

    prompt = True

    def __init__(
        self,
        endpoint: str,
        *,
        snapshot_endpoint: str | None = None,
        encoding: Encoding = "json",
        keys: ServerKeys | None = None,
        insecure: bool = False,
        high_water_mark: int = HIGH_WATER_MARK,
        pictures: "Pictures | None" = None,
    ) -> None:
        self.pictures = pictures
        """What is asked for pictures; None where none may be shown."""
        self.encoding: Encoding = encoding
        address = parse_endpoint(endpoint)
        snapshot_address = parse_endpoint(snapshot_endpoint) if snapshot_endpoint else None
        for wanted in (address, snapshot_address):
            if wanted and not wanted.is_local and keys is None and not insecure:
                raise UserError(
                    f"{wanted} can be reached from other machines and is not encrypted: publish with keys "
                    "(made by `emotrack keys`), publish at tcp://127.0.0.1, or say --insecure."
                )
        self._keys = keys
        self._admitted = AllowList(keys.allow_list) if keys else None
        self._high_water_mark = high_water_mark
        self._state = SnapshotState(encoding, show=None if pictures is None else pictures.answer)
        self._queue: BoundedQueue[Outgoing | Published] = BoundedQueue(WAITING, WAITING_BYTES)
        self._stepped = time.monotonic()
        """When the thread last began something, or was last given something to begin."""
        self._hangs = False
        self._closing = threading.Event()
        self._failure: Exception | None = None
        try:
            self._limit = find_descriptors()
            self._wake, self._woken = socket.socketpair()
        except OSError as error:
            raise refused(address, error) from error
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        bound: Future[tuple[str, str]] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(address, snapshot_address, bound), name="publisher", daemon=True
        )
        self._thread.start()
        try:
            self.endpoint, self.snapshot_endpoint = bound.result()
        except BaseException:
            self.close()
            raise

    def write(self, outgoing: Outgoing) -> None:
        """Hand a message to the thread, and tell once when that hangs."""
        if not self._queue:
            self._stepped = time.monotonic()
        while self._thread.is_alive():
            hung, self._hangs = self._hangs, time.monotonic() - self._stepped > HANGS
            if not self._queue.put(outgoing, len(outgoing.json), 0.0 if self._hangs else 0.1):
                if self._hangs:
                    break
                continue
            self._ring_the_bell()
            if self._hangs and not hung:
                raise SinkDelayed(f"Publishing on {self.endpoint} hangs: messages wait.")
            if hung and not self._hangs:
                log.warning("Publishing on %s goes on; nothing is missing.", self.endpoint)
            return
        why = f": {self._failure}" if self._failure else ": its thread hangs" if self._hangs else ""
        raise SinkFailed(f"Publishing on {self.endpoint} has stopped{why}.")

    def go_on(self, known: Published) -> None:
        """Before the first message of a session that is gone on with: what can be asked for of it."""
        self._queue.put(known, 0, None)
        self._ring_the_bell()

    def close(self) -> None:
        """Send what waits and close the sockets, within half a second."""
        self._closing.set()
        self._wake.close()  # which wakes the thread, whatever else rang
        self._thread.join(timeout=1.0)

    def _ring_the_bell(self) -> None:
        with contextlib.suppress(
            OSError
        ):  # a full pipe rings already; behind a broken one nobody is left to hear it
            self._wake.send(b"\0")

    def _run(
        self, address: Address, snapshot_address: Address | None, bound: "Future[tuple[str, str]]"
    ) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._woken.close)
            try:
                context = zmq.Context()
                stack.callback(context.destroy, linger=LINGER_MS)
                admission = Admission(context, self._admitted)
                publisher, router = open_pair(context, self._keys, self._high_water_mark)
                subscribers = Connections(publisher, self._limit)
                stack.callback(subscribers.close)
                askers = Connections(router, self._limit)
                stack.callback(askers.close)
                endpoints = bind_pair(publisher, router, address, snapshot_address, stack)
            except (zmq.ZMQError, OSError) as error:  # no descriptors are left, or no memory
                return bound.set_exception(refused(address, error))
            except BaseException as error:  # noqa: BLE001 - raised where the publisher is made
                return bound.set_exception(error)
            bound.set_result(endpoints)
            try:
                self._serve(publisher, router, subscribers, askers, admission)
            except Exception as failure:  # noqa: BLE001 - told by the next `write`
                self._failure = failure

    def _serve(
        self,
        publisher: zmq.Socket[bytes],
        router: zmq.Socket[bytes],
        subscribers: Connections,
        askers: Connections,
        admission: Admission,
    ) -> None:
        """Publish what waits; in between deal with a bounded number of those who want something."""
        subscriptions = Subscriptions(publisher, subscribers, self._admitted)
        requests = Requests(router, askers, self._state, self._admitted)
        poller = zmq.Poller()
        monitors = (subscribers.monitor, askers.monitor)
        for watched in (self._woken, publisher, router, admission.socket, *monitors):
            poller.register(watched, zmq.POLLIN)
        look_at, recheck_at = 0.0, 0.0
        while True:
            ready = dict(poller.poll(int(LOOK * 1000)))
            if self._woken.fileno() in ready:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
            if not self._publish_waiting(publisher):
                return
            now = time.monotonic()
            admission.answer(now)
            subscriptions.receive(now)
            requests.answer_one(now)
            if now >= look_at:
                look_at = now + LOOK
                for connections in (subscribers, askers):
                    connections.look(now)
            if self._admitted and now >= recheck_at:
                recheck_at = now + RECHECK
                if self._admitted.read(now):
                    for connections in (subscribers, askers):
                        connections.keep_only(self._admitted.keys)

    def _publish_waiting(self, publisher: zmq.Socket[bytes]) -> bool:
        """Publish what waits; False after the last message."""
        while True:
            closing = self._closing.is_set()
            self._stepped = time.monotonic()
            if (outgoing := self._queue.get()) is None:
                return not closing
            if isinstance(outgoing, Published):
                take(self._state, outgoing, self.encoding)
                continue
            payload = outgoing.json if self.encoding == "json" else encode(outgoing.message, self.encoding)
            publisher.send_multipart([outgoing.topic.encode(), payload])
            self._state.add(outgoing.message, payload)


def _pictures() -> "Pictures":
    from emotrack.stream.wire.publish.pictures import Pictures  # needs what the core install lacks

    return Pictures()


def new_session_name() -> str:
    """A name for a session, for topics, messages and files."""
    return f"s{secrets.token_hex(4)}"


def open_publisher(settings: PublishSettings) -> Publisher | None:
    """The publisher of these settings, or None where nothing is to be published; raises `UserError` where it
    cannot bind."""
    if settings.endpoint == "none":
        return None
    return Publisher(
        settings.endpoint,
        snapshot_endpoint=settings.snapshot_endpoint,
        encoding=settings.encoding,
        keys=ServerKeys.load(settings.keys) if settings.keys else None,
        insecure=settings.insecure,
        pictures=_pictures() if settings.pictures else None,
    )


def open_recorder(folder: Path, session: str) -> Recorder:
    """A recorder into a file named after the session; raises `UserError` where the folder cannot be written.

    A folder that is made for it can be read by its owner only.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Nothing can be recorded in {folder}: {error.strerror}.") from error
    return Recorder(folder / f"{session}{SUFFIX}")
