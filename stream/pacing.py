"""Gives the items of a file when the session clock reaches them, as a device would have."""

import threading
from collections.abc import Iterator

from emotrack.stream.clock import SessionClock
from emotrack.stream.media import AudioChunk, MediaItem


def begin(item: MediaItem) -> float:
    """Session time (seconds) of an item's first sample or its picture."""
    return item.start if isinstance(item, AudioChunk) else item.time


def due(item: MediaItem) -> float:
    """Session time (seconds) at which an item is there: audio at its end, everything else at its stamp."""
    return item.end if isinstance(item, AudioChunk) else item.time


def paced(items: Iterator[MediaItem], clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
    """The same items, none before it is due; ends at once when `stop` is set."""
    for item in items:
        wait = due(item) - clock.now()
        if stop.wait(wait) if wait > 0 else stop.is_set():
            return
        yield item
