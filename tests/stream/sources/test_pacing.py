"""File items come when the session clock reaches them."""

import threading
import time

import numpy as np

from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediaItem, VideoFrame, due, paced
from emotrack.stream.sources.timing.clock import SessionClock


def items() -> list[MediaItem]:
    image = np.zeros((2, 2, 3), np.uint8)
    chunk = np.zeros(AUDIO_RATE // 10, np.float32)
    return [VideoFrame(0.0, image), AudioChunk(0.0, chunk), VideoFrame(0.1, image), AudioChunk(0.1, chunk)]


def test_items_come_when_they_are_due_and_not_much_later() -> None:
    clock = SessionClock()
    lateness = [clock.now() - due(item) for item in paced(iter(items()), clock, threading.Event())]
    assert len(lateness) == 4
    assert min(lateness) >= 0.0
    assert max(lateness) < 0.15  # a loaded machine wakes late


def test_a_clock_that_is_ahead_delays_nothing() -> None:
    begun = time.monotonic()
    clock = SessionClock(start_monotonic_ns=time.monotonic_ns() - 10**10)
    assert len(list(paced(iter(items()), clock, threading.Event()))) == 4
    assert time.monotonic() - begun < 0.1


def test_stop_ends_the_waiting_at_once() -> None:
    stop = threading.Event()
    far = iter([VideoFrame(60.0, np.zeros((2, 2, 3), np.uint8))])
    threading.Timer(0.05, stop.set).start()
    begun = time.monotonic()
    assert list(paced(far, SessionClock(), stop)) == []
    assert time.monotonic() - begun < 1.0
