"""Items on their way out of a source: at their own pace, and none that no source may give."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from emotrack.stream.sources.media import (
    AUDIO_RATE,
    LATEST,
    AudioChunk,
    MediaItem,
    MediumChange,
    VideoFrame,
    checked,
    due,
    paced,
)
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


SOUND = np.zeros(AUDIO_RATE // 10, np.float32)
PICTURE = np.zeros((4, 6, 3), np.uint8)
GOOD: list[Any] = [
    AudioChunk(-0.1, SOUND),
    AudioChunk(0.0, SOUND[:0]),
    VideoFrame(0.5, PICTURE),
    MediumChange(1.0, "audio", "down", "end"),
]


def test_what_is_well_passes_as_it_is() -> None:
    assert list(checked(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (AudioChunk(0.0, np.stack([SOUND, SOUND])), "sound of 2 dimensions"),
        (AudioChunk(0.0, np.full(9, np.nan, np.float32)), "not finite"),
        (AudioChunk(0.0, np.full(9, np.inf, np.float32)), "not finite"),
        (AudioChunk(float("nan"), SOUND), "a time of nan s"),
        (VideoFrame(LATEST, PICTURE), "a time of 1e[+]09 s"),
        (VideoFrame(0.0, PICTURE[:, :, 0]), r"pictures of uint8 \[4, 6\]"),
        (VideoFrame(0.0, PICTURE[:0]), r"pictures of uint8 \[0, 6, 3\]"),
        (VideoFrame(0.0, PICTURE.astype(np.float64)), "pictures of float64"),
        (MediumChange(float("inf"), "audio", "up", "start"), "a time of inf s"),
        (None, "NoneType instead of sound"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_nonsense_is_named(item: Any, said: str) -> None:
    items = checked([*GOOD, item, *GOOD])
    assert [next(items) for _ in GOOD] == GOOD
    with pytest.raises(ValueError, match=f"^the source gives .*{said}"):
        next(items)
