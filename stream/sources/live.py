"""What live sources share: capturing in threads of their own, a bounded buffer, and coming back when lost."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol, TypeVar

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.container import reason_of
from emotrack.stream.sources.media import MediaItem, Medium, MediumChange, due
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.delivery import CAPTURED, MEDIA_TRAITS, Delivery

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
        """Open it once to see that it can be; raises `Absent` when it cannot now, `UserError` when it never
        will."""
        ...

    def capture(self, clock: SessionClock, stop: threading.Event) -> Captured:
        """Items as they are captured, on the calling thread, which owns the device; may block for some
        seconds."""
        ...

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`."""
        ...


def captured(captures: Sequence[Capture], clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
    """Items of all `captures`, each run on its own thread, in order of arrival; ends with the last one or at
    `stop`.

    Raises at once what one of them raised: captures that can go on see to that themselves, see `kept_up`.
    """
    buffer = Delivery(CAPTURED, MEDIA_TRAITS, feeds=1)
    ending = threading.Event()
    failures: list[BaseException] = []

    def run(capture: Capture) -> None:
        items = capture(clock, ending)
        try:
            for item in items:
                buffer.put(0, item)
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
            arrival = buffer.get(0.05 if running else 0.0)
            if arrival is not None:
                yield arrival.item
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
    """Items of a connection that is made again each time it is lost, whatever it was lost of; ends when
    `read` does.

    `connect` raises `UserError` while there is nothing to connect to; `read` raises `Lost`, closes what it
    was given, and says itself that its media are up. The wait grows until a connection has lasted longer than
    it.
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
                reason = (
                    str(lost) if isinstance(lost, Lost | UserError) else f"reading failed: {reason_of(lost)}"
                )
                for medium in sorted(media):
                    yield MediumChange(max(reached, clock.now()), medium, "down", reason)
        stop.wait(wait)
        wait = min(2 * wait, settings.retry_longest)
