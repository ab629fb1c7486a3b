"""A sink on a thread of its own, behind a queue with bounds: what it does costs nobody else anything.

Whoever emits waits for a sink that is quick, so that what has been emitted has been written. That may take
`SHARE` of the time and `AT_ONCE` in one go; a sink that needs more is left behind until it has caught up.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from emotrack.stream.wire.publish.bounded import WAITING_BYTES
from emotrack.stream.wire.publish.sinks import (
    Output,
    SinkDelayed,
    SinkFailed,
    SinkIncomplete,
    as_failure,
    name_of,
)

log = logging.getLogger(__name__)
Given = TypeVar("Given")

WAITING = 10_000
"""Messages, or whatever it is given, that may wait for one sink."""
AT_ONCE, SHARE = 0.25, 0.05
"""Seconds that emitting may wait for a sink in one go, and the part of the time that it may do so."""
LATE, PATIENTLY_LATE = 0.6, 5.0
"""Seconds for which a message may wait before that is told, the second of a session that waits for sinks;
heartbeats ask each second."""
CALM = 10.0
"""Seconds after which it may be told again."""
PATIENCE = 60.0
"""Seconds for which a session that may wait does so where a sink gets no further."""
ENDING = 5.0
"""The same for one that may not, behind its last message."""
HURRIED = 0.5
"""Seconds that all sinks together have for the end of a session that somebody ended; twice that where they
get on."""
_LOOK = 0.05


class Lane(Generic[Given]):
    """One sink with its thread, which begins with the first message."""

    def __init__(self, sink: Output[Given]) -> None:
        self.sink = sink
        self.failed: SinkFailed | None = None
        """Why it takes no more messages."""
        self.lost = 0
        """How much it was not given, ever."""
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._waiting: deque[tuple[float, Given, int]] = deque()
        """With when each was handed over, and its size; the first is in the sink's hands."""
        self._bytes = 0
        self._progress = 0.0
        self._ending = False
        self._over = False
        self._behind = False
        self._allowance, self._counted = AT_ONCE, time.monotonic()
        self._told_by_it: deque[SinkDelayed | SinkIncomplete] = deque()
        self._told: float | None = None
        """When it was last told that messages wait."""
        self._late = False
        self._gap: tuple[int, int, int] | None = None
        """First and last number and count of what it is not given at the moment."""

    @property
    def depth(self) -> int:
        """How much waits."""
        return len(self._waiting)

    def hand(self, given: Given, number: int, size: int, may_wait: Callable[[], bool]) -> None:
        """Give it one thing of `size` bytes; where there is no room, wait for that or leave it out. `number`:
        by which it is told that it is missing."""
        with self._news:
            if self._thread is None:
                self._start()
            while not self._has_room(size) and self._gap is None and self._waits(may_wait):
                self._news.wait(_LOOK)
            if self._over:
                return
            if self._gap is not None or not self._has_room(size):
                first, _, count = self._gap or (number, 0, 0)
                self._gap = first, number, count + 1
                self.lost += 1
                return
            now = time.monotonic()
            if not self._waiting:
                self._progress = now
            self._waiting.append((now, given, size))
            self._bytes += size
            self._news.notify_all()

    def wait(self) -> None:
        """Wait for it as long as it may be waited for."""
        with self._news:
            now = time.monotonic()
            self._allowance = min(AT_ONCE, self._allowance + (now - self._counted) * SHARE)
            if not self._behind:
                self._news.wait_for(lambda: not self._waiting or self._over, self._allowance)
            self._behind = bool(self._waiting) and not self._over
            self._counted = time.monotonic()
            if not self._behind:
                self._allowance = max(0.0, self._allowance - (self._counted - now))

    def troubles(self, *, patient: bool) -> list[SinkFailed | SinkDelayed | SinkIncomplete]:
        """What is to be told of it since this was last asked; `patient`: whether the session waits for
        it."""
        with self._news:
            found: list[SinkFailed | SinkDelayed | SinkIncomplete] = [*self._told_by_it]
            self._told_by_it.clear()
            if self.failed is not None:
                return [*found, self.failed]
            now = time.monotonic()
            late = PATIENTLY_LATE if patient else LATE
            if self._waiting and now - self._waiting[0][0] > late and not self._late:
                self._late = True
                if self._told is None or now - self._told > CALM:
                    found.append(
                        SinkDelayed(f"{name_of(self.sink)} is behind, or hangs: {self._things} wait.")
                    )
            if self._gap is not None and 2 * self.depth <= WAITING and 2 * self._bytes <= WAITING_BYTES:
                found.append(SinkIncomplete(self._lacks()))
                self._gap = None
            elif self._late and not self._waiting:
                self._late, self._told = False, now
                log.warning("%s has caught up.", name_of(self.sink))
            return found

    def end(self) -> None:
        """There will be no more: the sink is closed behind what waits."""
        with self._news:
            self._ending = True
            if self._thread is None:
                self._start()
            now = time.monotonic()
            self._progress = max(self._progress, now - ENDING + HURRIED) if self._waiting else now
            self._news.notify_all()

    def join(self, may_wait: Callable[[], bool], hurried_until: Callable[[], float]) -> None:
        """Wait until it is closed, or gets no further, or there is no time left."""
        with self._news:
            while not self._over:
                now = time.monotonic()
                quiet = now - self._progress
                hurried = now > hurried_until() + (HURRIED if quiet < HURRIED else 0.0)
                if hurried or not (self._waits(may_wait) or quiet < ENDING):
                    self._give_up()
                    return
                self._news.wait(_LOOK)
            if self.failed is None and self._gap is not None:
                self.failed = SinkFailed(self._lacks())

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"output {name_of(self.sink)}", daemon=True)
        self._thread.start()

    @property
    def _things(self) -> str:
        return str(getattr(self.sink, "things", "messages"))

    def _has_room(self, size: int) -> bool:
        return not self._waiting or (self.depth < WAITING and self._bytes + size <= WAITING_BYTES)

    def _waits(self, may_wait: Callable[[], bool]) -> bool:
        """Whether a session that may wait does so for this sink."""
        patience = float(getattr(self.sink, "patience", PATIENCE))
        return not self._over and may_wait() and time.monotonic() - self._progress < patience

    def _lacks(self) -> str:
        assert self._gap is not None
        first, last, count = self._gap
        return f"{name_of(self.sink)} lacks {count} {self._things}, numbers {first} to {last}."

    def _give_up(self) -> None:
        """Leave the thread to itself; whatever the sink still does is not waited for."""
        self._over = True
        count = self.depth + (self._gap[2] if self._gap is not None else 0)
        lacks = f"lacks the last {count} {self._things}" if count else "does not end"
        self.failed = SinkFailed(f"{name_of(self.sink)} {lacks}: it hangs.")

    def _run(self) -> None:
        try:
            while (waiting := self._next()) is not None:
                _, given, size = waiting
                try:
                    self.sink.write(given)
                except (SinkDelayed, SinkIncomplete) as told:
                    self._told_by_it.append(told)
                self._taken(size)
        except (Exception, SystemExit) as failure:  # noqa: BLE001 - whatever it is, the others go on
            self._close(as_failure(self.sink, failure))
        else:
            self._close(None)

    def _next(self) -> tuple[float, Given, int] | None:
        """What is next, as soon as there is something; None behind the last."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._ending)
            return self._waiting[0] if self._waiting and not self._over else None

    def _taken(self, size: int) -> None:
        with self._news:
            self._waiting.popleft()
            self._bytes -= size
            self._progress = time.monotonic()
            self._news.notify_all()

    def _close(self, failure: SinkFailed | None) -> None:
        try:
            self.sink.close()
        except (Exception, SystemExit) as unclosed:  # noqa: BLE001 - as above
            failure = failure or as_failure(self.sink, unclosed)
        with self._news:
            if not self._over:
                self.failed, self._over = failure, True
            self._news.notify_all()
