"""Bytes that a thread writes: who says something never waits for whoever listens, nor does the end of a
command for long.

What is too much, or cannot be written, is lost. What native libraries write to the descriptor themselves does
not come by here.
"""

import io
import os
import threading
import time
from typing import Any

from emotrack.stream.wire.publish.bounded import BoundedQueue

PIECES, BYTES = 10_000, 1 << 20
"""What may wait for somebody who is slow to listen."""
HEARD = 0.3
"""Seconds without any progress after which the last words are given up when the command ends."""
ENDING = 1.5
"""Seconds after which they are even where somebody listens slowly."""
_LOOK = 0.05


class Aside(io.RawIOBase):
    """Takes bytes for `target`, whose `write` may hang for ever."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._waiting: BoundedQueue[bytes] = BoundedQueue(PIECES, BYTES)
        self._news = threading.Condition()
        self._owed = 0
        """Bytes that were taken and are not written."""
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    def write(self, data: Any, /) -> int:
        """Take all of `data`, at once."""
        piece = bytes(data)
        if os.getpid() != self._process:  # a child, in which there is no such thread
            self._write(piece)
        elif piece and self._waiting.put(piece, len(piece)):
            with self._news:
                self._owed += len(piece)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="talk", daemon=True)
                    self._thread.start()
        return len(piece)

    def finish(self) -> None:
        """Wait until all is written, or nobody listens; then the thread ends."""
        deadline = time.monotonic() + ENDING
        with self._news:
            if self._thread is None:
                return
            owed = -1
            while self._owed and self._owed != owed and time.monotonic() < deadline:
                owed = self._owed
                self._news.wait_for(lambda: self._owed == 0, HEARD)
            thread, self._thread = self._thread, None
        if not self._waiting.put(b"", 0):
            self._waiting.clear()
            self._waiting.put(b"", 0)
        thread.join(HEARD if self._owed == 0 else 0.0)

    def writable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    @property
    def name(self) -> Any:
        """The target's."""
        return getattr(self._target, "name", None)

    def fileno(self) -> int:
        """The target's descriptor."""
        return int(self._target.fileno())

    def isatty(self) -> bool:
        """Whether the target is a terminal."""
        return bool(self._target.isatty())

    def _run(self) -> None:
        while piece := self._waiting.get(None):
            self._write(piece)
            with self._news:
                self._owed -= len(piece)
                self._news.notify_all()

    def _write(self, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            try:
                written = self._target.write(left)
            except (OSError, ValueError):  # nobody is left who reads, the disk is full, or it was closed
                return
            if written is None:  # a descriptor that somebody else does not want to wait for
                time.sleep(_LOOK)
            else:
                left = left[written:]
