"""Tells when the loop stands still, and where: whatever hangs on its thread, that can be told from another.

Nothing else can be done about it in the same process. Without heartbeats, which the loop sends, monitoring
sees that the session does not live.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from emotrack.stream.wire.protocol.messages import Error
from emotrack.stream.wire.publish.outbox import Outbox

log = logging.getLogger(__name__)

STILL = 1.7
"""Seconds that one turn of a live loop may take before that is told."""
ENDING = 8.0
"""The same for its last, in which it waits for what utterances lack."""
CALM = 10.0
"""Seconds before another stand is told."""
_LOOK = 0.2


class Watchdog:
    """Watches one loop from a thread of its own."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._turn = (0, time.monotonic(), STILL, 0.0)
        """Which turn, since when, how long it may take, and the session time at which it began."""
        self._ended = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the thread that calls, until the block ends."""
        watched = threading.get_ident()
        watching = threading.Thread(target=self._run, args=(watched,), name="watchdog", daemon=True)
        watching.start()
        try:
            yield
        finally:
            self._ended.set()

    def turn(self, moment: float, within: float = STILL) -> None:
        """The loop begins its next turn at session time `moment`, which should take no longer than `within`
        seconds."""
        self._turn = self._turn[0] + 1, time.monotonic(), within, moment

    def _run(self, watched: int) -> None:
        told: int | None = None
        stood_from = told_at = float("-inf")
        looked = time.monotonic()
        while not self._ended.wait(_LOOK):
            now, before = time.monotonic(), looked
            looked = now
            number, since, within, moment = self._turn
            if told is not None and number != told:
                log.warning("The session goes on; it had stood still for %.1f s.", since - stood_from)
                told = None
            stopped = now - before > 2 * _LOOK  # the whole process was, or has no time
            if told is None and not stopped and now - since > within and now - told_at > CALM:
                told, told_at, stood_from = number, now, since
                self._tell(now - since, watched, moment)

    def _tell(self, seconds: float, watched: int, moment: float) -> None:
        where = place(sys._current_frames().get(watched))
        sentence = (
            f"The session has stood still for {seconds:.1f} s in {where}: nothing is labelled meanwhile."
        )
        log.warning("%s", sentence)
        self._outbox.emit(Error(message=sentence, continues=True, source=None, time=round(moment, 3)))


def place(frame: FrameType | None) -> str:
    """Where in our own code a thread is, as module and function."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("emotrack."):
            return f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "no code of ours"
