"""The two sockets of a publisher: made with limits on what a stranger may send, and bound side by side."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import zmq

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.endpoints import Address, parse_endpoint
from emotrack.stream.wire.protocol.keys import ServerKeys
from emotrack.stream.wire.protocol.snapshots import LARGEST_REQUEST
from emotrack.stream.wire.publish.zeromq.admission import MESSAGES, SNAPSHOTS

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

DESCRIPTORS = 48
"""File descriptors that must be free at the start: ZeroMQ ends the whole process where it gets too few."""
CONNECTIONS = 4_096
"""Connections of one socket, where the system allows so many descriptors."""
BACKLOG = 1_024
LARGEST_SUBSCRIPTION = 1 << 10
"""Bytes of one frame that a subscriber sends, its handshake among them; a topic has less than 300."""
LARGEST_ASKED = 2 * LARGEST_REQUEST
"""Bytes of one frame to the snapshot socket; a request above `LARGEST_REQUEST` is told so, one above this
ends the connection."""
UNREAD_FRAMES = 8
"""Messages of one connection that wait for us; then its sender waits."""
RECEIVE_BUFFER = 4 << 10
"""Bytes in the system's hands: what comes in is small, and who sends much sends it slowly."""
HANDSHAKE_MS = 5_000
"""After which a connection that has not introduced itself is ended."""


def open_pair(
    context: "zmq.Context[zmq.Socket[bytes]]", keys: ServerKeys | None, high_water_mark: int
) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
    """The XPUB socket and the ROUTER socket, not bound yet."""
    publisher, router = context.socket(zmq.XPUB), context.socket(zmq.ROUTER)
    publisher.setsockopt(zmq.XPUB_VERBOSER, 1)  # each subscription of each connection is told
    publisher.sndhwm, router.sndhwm = high_water_mark, 16
    publisher.maxmsgsize, router.maxmsgsize = LARGEST_SUBSCRIPTION, LARGEST_ASKED
    # without a domain, nobody is asked about those who come without keys
    publisher.zap_domain, router.zap_domain = MESSAGES, SNAPSHOTS
    for opened in (publisher, router):
        opened.rcvhwm = UNREAD_FRAMES
        opened.rcvbuf = RECEIVE_BUFFER
        opened.backlog = BACKLOG
        opened.handshake_ivl = HANDSHAKE_MS
        if keys:
            opened.curve_publickey, opened.curve_secretkey = keys.public, keys.secret
            opened.curve_server = True
    return publisher, router


def find_descriptors() -> int:
    """How many connections each of the two sockets may have, so that descriptors are left for all else.

    libzmq accepts without end, and where no descriptor is left it tries for ever. Raises `OSError` where
    fewer than `DESCRIPTORS` are free.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(DESCRIPTORS):
            taken = os.open(os.devnull, os.O_RDONLY)
            stack.callback(os.close, taken)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if resource else 1024
    if resource and allowed == resource.RLIM_INFINITY:
        return CONNECTIONS
    return max(DESCRIPTORS // 6, min(CONNECTIONS, (allowed - taken) * 3 // 8))


def bind_pair(
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
        if address.is_file:
            _make_way(Path(address.path), address)
        opened.ipv6 = address.is_ipv6
        opened.bind(str(address))
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise _InUse(str(address)) from error
        raise refused(address, error) from error
    if address.is_file:
        stack.callback(Path(address.path).unlink, missing_ok=True)  # ZeroMQ leaves it
        Path(address.path).chmod(0o600)
    actual: bytes = opened.getsockopt(zmq.LAST_ENDPOINT)  # type: ignore[assignment]  # typed for options of any kind
    return actual.rstrip(b"\0").decode()


def refused(address: Address, error: zmq.ZMQError | OSError) -> UserError:
    """What is told where the system refuses an address."""
    return UserError(f"Nothing can be published at {address}: {error.strerror}.")


def _make_way(path: Path, address: Address) -> None:
    """See that a socket at `path` can be ours alone, and harms nobody's file."""
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        path.parent.mkdir(mode=0o700)
    try:
        folder = path.parent.stat().st_mode
        if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
            raise UserError(
                f"Anyone may put another socket in the place of {address}: run `chmod o-w {path.parent}`, or "
                "choose a folder of your own."
            )
        if not stat.S_ISSOCK(path.lstat().st_mode):  # ZeroMQ would delete it
            raise UserError(f"{path} exists and is no socket: remove it, or publish somewhere else.")
    except FileNotFoundError:
        return
    except OSError as error:
        raise refused(address, error) from error
    if _answers(str(path)):
        raise _InUse(str(address))


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
