"""Who is admitted to an encrypted publisher: the keys in the folder of clients, as they are at that moment.

ZeroMQ asks at each handshake (ZAP, its RFC 27) over a socket inside the process. pyzmq's own authenticator
reads the folder once, fails as a whole where one file is damaged, and brings asyncio along.
"""

import logging
import os
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
KNOCKS = 16
"""Handshakes decided before the next message is published."""
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
        try:
            status = os.stat(entry.path)  # the file's own: a key may be a link
            signature = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)
        except OSError:
            signature = ()
        known = self._files.get(entry.name)
        if known is not None and known[0] == signature:
            return known
        try:
            return signature, load_public_key(Path(entry.path)).decode()
        except UserError as error:
            log.warning("A client's key is skipped, the others are admitted: %s", error)
            return signature, None


class Admission:
    """Answers ZeroMQ's question at each handshake; `socket` is to be polled by the thread that owns it."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", admitted: AllowList) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(ZAP)
        self._admitted = admitted

    def answer(self, now: float) -> None:
        """Decide on those who wait."""
        for _ in range(KNOCKS):
            try:
                sender, empty, version, number, _domain, _address, _identity, mechanism, *credentials = (
                    self.socket.recv_multipart(zmq.NOBLOCK)
                )
            except zmq.Again:
                return
            self._admitted.read(now)
            key = z85.encode(credentials[0]).decode() if mechanism == b"CURVE" else ""
            if key in self._admitted.keys:
                verdict = [b"200", b"OK", key.encode(), b""]
            else:
                verdict = [b"400", b"This key is not admitted", b"", b""]
            self.socket.send_multipart([sender, empty, version, number, *verdict])
