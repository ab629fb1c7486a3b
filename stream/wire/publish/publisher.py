"""Publishing on ZeroMQ: one thread owns the PUB socket and the ROUTER socket that answers snapshot requests.

At its high-water mark PUB discards new messages for a slow subscriber; the mark is a tenth of the snapshot
ring, so that what is discarded there can still be asked for.
"""

import contextlib
import errno
import os
import queue
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import zmq

from emotrack.errors import UserError
from emotrack.stream.settings import PublishSettings
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.endpoints import Address, parse_endpoint
from emotrack.stream.wire.protocol.keys import ServerKeys
from emotrack.stream.wire.protocol.parts import Encoding
from emotrack.stream.wire.protocol.snapshots import LARGEST_REQUEST, RING, SnapshotState
from emotrack.stream.wire.publish.outbox import Outgoing, SinkFailed
from emotrack.stream.wire.publish.recording import Recorder

HIGH_WATER_MARK = RING // 10
WAITING = 10_000
"""Messages that may wait for the thread; a full queue makes `write` wait, nothing is dropped."""
PATIENCE = 5.0
"""Seconds that `write` waits before it gives the publisher up."""
LINGER_MS = 300
"""How long closing waits for subscribers to fetch the last messages."""
REQUESTS_PER_SECOND = 200
DESCRIPTORS = 32
"""File descriptors that must be free at the start: ZeroMQ ends the whole process where it gets too few."""
LARGEST_FRAME = 16 * LARGEST_REQUEST
"""A client that sends more than this in one frame is disconnected."""


class Publisher:
    """A sink that publishes at `endpoint` (`tcp://host:port`, port 0: any free one; `ipc://path`).

    Without `keys` it binds to this machine only, unless `insecure`. What cannot be bound raises `UserError`
    here. `endpoint` and `snapshot_endpoint` are then the actual addresses.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        snapshot_endpoint: str | None = None,
        encoding: Encoding = "json",
        keys: ServerKeys | None = None,
        insecure: bool = False,
        high_water_mark: int = HIGH_WATER_MARK,
    ) -> None:
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
        self._high_water_mark = high_water_mark
        self._state = SnapshotState(encoding)
        self._queue: queue.Queue[Outgoing] = queue.Queue(WAITING)
        self._closing = threading.Event()
        self._failure: Exception | None = None
        try:
            _find_descriptors()
            self._wake, self._woken = socket.socketpair()
        except OSError as error:
            raise _refused(address, error) from error
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
        """Hand a message to the thread."""
        deadline = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            try:
                self._queue.put(outgoing, timeout=0.1)
            except queue.Full:
                continue
            return self._ring_the_bell()
        why = f": {self._failure}" if self._failure else ""
        raise SinkFailed(f"Publishing on {self.endpoint} has stopped{why}.")

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
                publisher, router = self._open(context, stack)
                endpoints = _bind_pair(publisher, router, address, snapshot_address, stack)
            except (zmq.ZMQError, OSError) as error:  # no descriptors are left, or no memory
                return bound.set_exception(_refused(address, error))
            except BaseException as error:  # noqa: BLE001 - raised where the publisher is made
                return bound.set_exception(error)
            bound.set_result(endpoints)
            try:
                self._serve(publisher, router)
            except Exception as failure:  # noqa: BLE001 - told by the next `write`
                self._failure = failure

    def _open(
        self, context: zmq.Context[zmq.Socket[bytes]], stack: contextlib.ExitStack
    ) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
        publisher, router = context.socket(zmq.PUB), context.socket(zmq.ROUTER)
        publisher.sndhwm = self._high_water_mark
        router.sndhwm = 16
        router.rcvhwm = 64
        publisher.maxmsgsize = router.maxmsgsize = (
            LARGEST_FRAME  # a subscriber's frames are its subscriptions
        )
        if self._keys:
            from zmq.auth.thread import (
                ThreadAuthenticator,
            )  # brings asyncio along: only for those who use keys

            authenticator = ThreadAuthenticator(context)
            authenticator.start()
            stack.callback(authenticator.stop)
            authenticator.configure_curve(domain="*", location=str(self._keys.allow_list))
        for opened in (publisher, router):
            if self._keys:
                opened.curve_publickey, opened.curve_secretkey = self._keys.public, self._keys.secret
                opened.curve_server = True
        return publisher, router

    def _serve(self, publisher: zmq.Socket[bytes], router: zmq.Socket[bytes]) -> None:
        """Publish what waits; in between answer one request at a time, at a bounded rate."""
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        allowance, counted = float(REQUESTS_PER_SECOND), time.monotonic()
        while True:
            ready = dict(poller.poll())
            if self._woken.fileno() in ready:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
            if not self._publish_waiting(publisher):
                return
            if router in ready:
                now = time.monotonic()
                allowance, counted = (
                    min(REQUESTS_PER_SECOND, allowance + (now - counted) * REQUESTS_PER_SECOND),
                    now,
                )
                *envelope, request = router.recv_multipart()
                if allowance >= 1:
                    allowance -= 1
                    reply = self._state.answer(request)
                else:
                    reply = self._state.refuse("Too many requests: ask again in a moment.", busy=True)
                with contextlib.suppress(
                    zmq.ZMQError
                ):  # a client that left or fetches no replies loses its own
                    router.send_multipart([*envelope, reply], flags=zmq.NOBLOCK)

    def _publish_waiting(self, publisher: zmq.Socket[bytes]) -> bool:
        """Publish what waits; False after the last message."""
        while True:
            closing = self._closing.is_set()
            try:
                outgoing = self._queue.get_nowait()
            except queue.Empty:
                return not closing
            payload = outgoing.json if self.encoding == "json" else encode(outgoing.message, self.encoding)
            publisher.send_multipart([outgoing.topic.encode(), payload])
            self._state.add(outgoing.message, payload)


def _find_descriptors() -> None:
    """Raises `OSError` where fewer than `DESCRIPTORS` are free."""
    with contextlib.ExitStack() as stack:
        for _ in range(DESCRIPTORS):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))


def _bind_pair(
    publisher: zmq.Socket[bytes],
    router: zmq.Socket[bytes],
    address: Address,
    wanted: Address | None,
    stack: contextlib.ExitStack,
) -> tuple[str, str]:
    """Bind both sockets, the second beside the first where it can be; their actual endpoints."""
    snapshots = wanted or address.beside()
    with _telling_of(address, snapshots):
        endpoint = _bind(publisher, address, stack)
    actual = parse_endpoint(endpoint)
    if wanted is None:
        snapshots = actual.beside()
        if address.transport == "tcp" and address.port == 0:
            with contextlib.suppress(_InUse):
                return endpoint, _bind(router, snapshots, stack)
            snapshots = Address("tcp", address.host, 0)
    with _telling_of(actual, snapshots):
        return endpoint, _bind(router, snapshots, stack)


class _InUse(Exception):
    """Someone else holds this address."""


@contextlib.contextmanager
def _telling_of(messages: Address, snapshots: Address) -> Iterator[None]:
    """Turn `_InUse` into a sentence that names both addresses, for the user may know of the first only."""
    try:
        yield
    except _InUse as busy:
        raise UserError(
            f"{busy} is in use (the messages go out at {messages}, the snapshots at {snapshots}): end the "
            "program that holds it, or choose another with --publish."
        ) from busy


def _bind(opened: zmq.Socket[bytes], address: Address, stack: contextlib.ExitStack) -> str:
    """Bind a socket; `stack` is given what to do before it is closed."""
    try:
        if address.transport == "ipc" and _answers(address.path):
            raise _InUse(str(address))
        opened.ipv6 = address.is_ipv6
        opened.bind(str(address))
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise _InUse(str(address)) from error
        raise _refused(address, error) from error
    if address.transport == "ipc" and not address.path.startswith("@"):
        stack.callback(Path(address.path).unlink, missing_ok=True)  # ZeroMQ leaves it
    actual: bytes = opened.getsockopt(zmq.LAST_ENDPOINT)  # type: ignore[assignment]  # typed for options of any kind
    return actual.rstrip(b"\0").decode()


def _refused(address: Address, error: zmq.ZMQError | OSError) -> UserError:
    return UserError(f"Nothing can be published at {address}: {error.strerror}.")


def _answers(path: str) -> bool:
    """Whether someone listens on this ipc path (binding would silently take it from them)."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


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
    )


def open_recorder(folder: Path, session: str) -> Recorder:
    """A recorder into a file named after the session; raises `UserError` where the folder cannot be written.

    A folder that is made for it can be read by its owner only.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Nothing can be recorded in {folder}: {error.strerror}.") from error
    return Recorder(folder / f"{session}.jsonl")
