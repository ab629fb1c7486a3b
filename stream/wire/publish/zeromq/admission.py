"""Who is admitted, and how quickly: at an encrypted publisher the keys in the folder of clients, as they are
at that moment.

ZeroMQ asks at each handshake (ZAP, its RFC 27) over a socket inside the process, and waits for the answer
before it listens to anything else. So a crowd comes in no faster than it is looked at; libzmq goes through
all subscriptions each time that one leaves. pyzmq's own authenticator reads the folder once, fails as a whole
where one file is damaged, and brings asyncio along.
"""

import contextlib
import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import zmq
from zmq.utils import z85

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.keys import load_public_key

log = logging.getLogger(__name__)

FRESH = 0.05
"""Seconds for which the folder is not read again, however many knock."""
RECHECK = 1.0
"""Seconds after which those who are connected already are checked again."""
ADMITTED_PER_SECOND, ADMITTED_AT_ONCE = 500.0, 32.0
"""At each socket."""
AFTER = 0.005
"""Seconds by which the snapshot socket lets in later: who subscribes first and then asks, as clients should,
is then subscribed before the answer, and misses nothing in between."""
MESSAGES, SNAPSHOTS = b"messages", b"snapshots"
"""The two sockets' domains."""
WAITING = 4_096
"""Handshakes that wait for an answer; beyond, the oldest are forgotten, and end by themselves."""
ZAP = "inproc://zeromq.zap.01"


class AllowList:
    """The public keys (Z85) in a folder; a file that holds none is skipped, and named once."""

    def __init__(self, folder: Path) -> None:
        self.keys: frozenset[str] = frozenset()
        self._folder = folder
        self._files: dict[str, tuple[tuple[int, ...], str | None]] = {}
        self._read_at = float("-inf")
        self._unreadable = False

    def read(self, now: float) -> bool:
        """Read what has changed; whether a key is gone."""
        if now - self._read_at < FRESH:
            return False
        self._read_at = now
        files: dict[str, tuple[tuple[int, ...], str | None]] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".key"):
                        files[entry.name] = self._read(entry)
            self._unreadable = False
        except OSError as error:
            if not self._unreadable:
                log.warning(
                    "No client is admitted: the folder of their keys, %s, cannot be read (%s).",
                    self._folder,
                    error.strerror,
                )
            self._unreadable = True
            files = {}
        before, self._files = self.keys, files
        self.keys = frozenset(key for _, key in files.values() if key)
        return not before <= self.keys

    def _read(self, entry: "os.DirEntry[str]") -> tuple[tuple[int, ...], str | None]:
        signature: tuple[int, ...] = ()
        try:
            status = os.stat(entry.path)  # the file's own: a key may be a link
            signature = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)
        except OSError:  # gone, or a link to nothing
            pass
        known = self._files.get(entry.name)
        if known is not None and known[0] == signature:
            return known
        try:
            return signature, load_public_key(Path(entry.path)).decode()
        except UserError as error:
            log.warning("A client's key is skipped, the others are admitted: %s", error)
            return signature, None


class _Door:
    """Those who wait at one socket, each with the time from which they may be let in."""

    def __init__(self, after: float) -> None:
        self._after = after
        self._waiting: deque[tuple[float, list[bytes]]] = deque(maxlen=WAITING)
        self._allowance, self._counted = ADMITTED_AT_ONCE, 0.0

    def add(self, asked: list[bytes], now: float) -> None:
        self._waiting.append((now + self._after, asked))

    def due(self, now: float) -> Iterator[list[bytes]]:
        passed, self._counted = now - self._counted, now
        self._allowance = min(ADMITTED_AT_ONCE, self._allowance + passed * ADMITTED_PER_SECOND)
        while self._allowance >= 1 and self._waiting and now >= self._waiting[0][0]:
            self._allowance -= 1
            yield self._waiting.popleft()[1]


class Admission:
    """Answers ZeroMQ's question at each handshake; `socket` is to be polled by the thread that owns it.
    Without `admitted` everyone is welcome, in turn."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", admitted: AllowList | None) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(ZAP)
        self._admitted = admitted
        self._doors = {MESSAGES: _Door(0.0), SNAPSHOTS: _Door(AFTER)}

    def answer(self, now: float) -> None:
        """Decide on those who have waited longest at each socket."""
        with contextlib.suppress(zmq.Again):
            while True:
                asked = self.socket.recv_multipart(zmq.NOBLOCK)
                self._doors[asked[4]].add(asked, now)
        for door in self._doors.values():
            for asked in door.due(now):
                verdict = self._verdict(asked[7], asked[8:], now)
                self.socket.send_multipart([*asked[:4], *verdict])

    def _verdict(self, mechanism: bytes, credentials: list[bytes], now: float) -> list[bytes]:
        if self._admitted is None:
            return [b"200", b"OK", b"", b""]
        self._admitted.read(now)
        key = z85.encode(credentials[0]).decode() if mechanism == b"CURVE" else ""
        if key in self._admitted.keys:
            return [b"200", b"OK", key.encode(), b""]
        return [b"400", b"This key is not admitted", b"", b""]
