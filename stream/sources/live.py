"""What live sources share: capturing in threads of their own, a bounded buffer, and coming back when lost."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol, TypeVar

from emotrack.model.errors import UserError
from emotrack.stream.clock import SessionClock
from emotrack.stream.media import AudioChunk, MediaItem, Medium, MediumChange, VideoFrame
from emotrack.stream.pacing import due
from emotrack.stream.sources.container import reason_of
from emotrack.stream.sources.settings import SourceSettings

AUDIO_BACKLOG = 60.0
"""Seconds of audio that may wait for the consumer."""
CLOSING = 1.5
"""Seconds in which a device must let go; a thread that hangs in a driver is left behind."""

Captured = Generator[MediaItem, None, None]
Capture = Callable[[SessionClock, threading.Event], Captured]
Connection = TypeVar("Connection")


class LiveSource(Protocol):
    """A source that runs by itself."""

    name: str
    description: str
    live: bool
    media: frozenset[Medium]

    def check(self) -> None:
        """Open it once to see that it can be; raises `Absent` when it cannot now, `UserError` when it never will."""
        ...

    def capture(self, clock: SessionClock, stop: threading.Event) -> Captured:
        """Items as they are captured, on the calling thread, which owns the device; may block for some seconds."""
        ...

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]: ...


class LiveBuffer:
    """Between capturing and consuming threads: audio up to a limit, the latest picture, every change."""

    def __init__(self, audio_limit: float = AUDIO_BACKLOG) -> None:
        self._limit = audio_limit
        self._queue: deque[AudioChunk | MediumChange] = deque()
        self._picture: VideoFrame | None = None
        self._condition = threading.Condition()

    def put(self, item: MediaItem) -> None:
        """Never waits: an unread picture is replaced, audio over the limit is cut and its gap reported."""
        with self._condition:
            if isinstance(item, VideoFrame):
                self._picture = item
            else:
                self._queue.append(item)
                if isinstance(item, AudioChunk) and item.end - self._oldest_audio() > self._limit:
                    self._cut(item.end)
            self._condition.notify()

    def get(self, timeout: float) -> MediaItem | None:
        """The item that is due first, or None when there was none for `timeout` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._queue or self._picture, timeout)
            picture = self._picture
            if picture is not None and (not self._queue or picture.time <= due(self._queue[0])):
                self._picture = None
                return picture
            return self._queue.popleft() if self._queue else None

    def _oldest_audio(self) -> float:
        return next(item.start for item in self._queue if isinstance(item, AudioChunk))

    def _cut(self, end: float) -> None:
        start = self._oldest_audio()
        lost = f"{end - start:.1f} s of audio were dropped, since they were not processed in time"
        kept = [item for item in self._queue if isinstance(item, MediumChange)]
        self._queue = deque(kept)
        self._queue.append(MediumChange(start, "audio", "degraded", lost))
        self._queue.append(MediumChange(end, "audio", "up", "nothing waits any more"))


def captured(captures: Sequence[Capture], clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
    """Items of all `captures`, each run on its own thread, in order of arrival; ends with the last one or at `stop`.

    Raises at once what one of them raised: captures that can go on see to that themselves, see `kept_up`.
    """
    buffer = LiveBuffer()
    ending = threading.Event()
    failures: list[BaseException] = []

    def run(capture: Capture) -> None:
        items = capture(clock, ending)
        try:
            for item in items:
                buffer.put(item)
                if ending.is_set():
                    break
        except BaseException as failure:  # noqa: BLE001 - raised again on the consumer's thread
            failures.append(failure)
        finally:
            items.close()  # releases the device on the thread that owns it

    threads = [threading.Thread(target=run, args=(one,), name="capture", daemon=True) for one in captures]
    for thread in threads:
        thread.start()
    try:
        while not stop.is_set():
            running = not failures and any(thread.is_alive() for thread in threads)
            item = buffer.get(0.05 if running else 0.0)
            if item is not None:
                yield item
            elif not running:
                break
        if failures:
            raise failures[0]
    finally:
        ending.set()
        deadline = time.monotonic() + CLOSING
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class Lost(Exception):
    """A live connection gives nothing more; the text says why."""


def kept_up(
    connect: Callable[[], Connection],
    read: Callable[[Connection], Iterator[MediaItem]],
    media: frozenset[Medium],
    settings: SourceSettings,
    clock: SessionClock,
    stop: threading.Event,
) -> Captured:
    """Items of a connection that is made again each time it is lost, whatever it was lost of; ends when `read` does.

    `connect` raises `UserError` while there is nothing to connect to; `read` raises `Lost`, closes what it was given,
    and says itself that its media are up. The wait grows until a connection has lasted longer than it.
    """
    wait = settings.retry_first
    down = False
    reached = 0.0
    while not stop.is_set():
        try:
            connection, begun = connect(), time.monotonic()
            for item in read(connection):
                down, reached = False, max(reached, due(item))
                if not isinstance(item, MediumChange) and time.monotonic() - begun > wait:
                    wait = settings.retry_first
                yield item
            return
        except Exception as lost:  # noqa: BLE001 - a driver's or a decoder's failure is this source's alone
            if not down:
                down = True
                reason = str(lost) if isinstance(lost, Lost | UserError) else f"reading failed: {reason_of(lost)}"
                for medium in sorted(media):
                    yield MediumChange(max(reached, clock.now()), medium, "down", reason)
        stop.wait(wait)
        wait = min(2 * wait, settings.retry_longest)
