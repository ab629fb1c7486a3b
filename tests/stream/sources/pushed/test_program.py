"""What a program pushes is a feed like any other: nothing of it is lost, moved or kept for long, and what it
may not be is refused in a sentence."""

import itertools
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from emotrack import PushedSource
from emotrack.errors import UserError
from emotrack.stream.sources.media import AUDIO_RATE, MediaItem, MediumChange, VideoFrame
from emotrack.stream.sources.pushed import inbox
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.tracking.tracker import Tracker
from helpers.media.clips import Reading
from helpers.sessions.tracking import settings

PART = 0.02
PICTURE = np.zeros((48, 64, 3), np.uint8)


def sine(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """float32 [n, channels]: 440 Hz, at half of what is possible."""
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave.astype(np.float32)[:, None], channels, axis=1)


class Reader:
    """A session that reads a source on a thread of its own, from when this is made until the source ends."""

    def __init__(self, source: PushedSource) -> None:
        self.clock = SessionClock()
        self.items: list[MediaItem] = []
        self.stop = threading.Event()
        begun = threading.Event()
        told = source.items(self.clock, self.stop)

        def read() -> None:
            begun.set()
            self.items.extend(told)

        self.thread = threading.Thread(target=read)
        self.thread.start()
        begun.wait()
        time.sleep(0.05)  # until the generator has begun

    def ended(self) -> Reading:
        self.thread.join(10.0)
        assert not self.thread.is_alive()
        return Reading(self.items)


def push_in_time(source: PushedSource, samples: np.ndarray, rate: int) -> None:
    """As a device would: part by part, each when it has been captured."""
    begun, size = time.monotonic(), round(PART * rate)
    for number, first in enumerate(range(0, len(samples), size)):
        time.sleep(max(0.0, begun + (number + 1) * PART - time.monotonic()))
        source.push_audio(samples[first : first + size], rate)


@pytest.mark.parametrize(
    ("rate", "channels", "kind"), [(8_000, 1, "int16"), (48_000, 2, "float32"), (44_100, 6, "int16")]
)
def test_sound_of_any_rate_and_channels_is_heard_whole_and_in_its_place(
    rate: int, channels: int, kind: str
) -> None:
    source, wave = PushedSource("own"), sine(1.0, rate, channels)
    samples = wave if kind == "float32" else (wave * 32_767).astype(np.int16)
    reader = Reader(source)
    begun = reader.clock.now()
    push_in_time(source, samples, rate)
    source.end()
    reading = reader.ended()
    assert [(one.medium, one.state) for one in reading.changes] == [("audio", "up"), ("audio", "down")]
    assert all(
        one.end == pytest.approx(other.start, abs=1e-9)
        for one, other in zip(reading.chunks, reading.chunks[1:], strict=False)
    )
    assert len(reading.samples) == pytest.approx(AUDIO_RATE, rel=0.01)
    assert reading.chunks[0].start == pytest.approx(begun, abs=0.1)
    middle = reading.samples[AUDIO_RATE // 4 : AUDIO_RATE // 2]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * AUDIO_RATE / len(middle) == pytest.approx(440, abs=5)


def test_what_was_pushed_may_be_changed_at_once() -> None:
    source = PushedSource("own")
    reader = Reader(source)
    samples, image = np.full(1_600, 0.25, np.float32), np.full((48, 64, 3), 200, np.uint8)
    source.push_audio(samples, 16_000)
    source.push_picture(image)
    samples[:], image[:] = 0.0, 0
    source.end()
    reading = reader.ended()
    assert np.median(reading.samples) == pytest.approx(0.25, abs=0.01)
    assert reading.frames[0].image.min() > 190


def test_times_of_the_program_say_when_sound_and_pictures_were_captured() -> None:
    """Pushed late, both of them, and a picture in the middle of the sound: it is there in the session."""
    source = PushedSource("own")
    reader = Reader(source)
    samples, begun = sine(1.0, 16_000), time.monotonic()
    for number in range(20):
        time.sleep(max(0.0, begun + (number + 1) * 0.05 - time.monotonic()))
        source.push_audio(samples[number * 800 : (number + 1) * 800], 16_000, 5_000.0 + number * 0.05)
        if number == 14:
            source.push_picture(PICTURE, 5_000.5)
    source.end()
    reading = reader.ended()
    (frame,) = reading.frames
    assert frame.time - reading.chunks[0].start == pytest.approx(0.5, abs=0.02)
    assert len(reading.samples) == pytest.approx(AUDIO_RATE, rel=0.01)


def test_a_gap_in_the_times_of_the_program_is_a_gap_in_the_sound() -> None:
    source = PushedSource("own")
    reader = Reader(source)
    for start in (0.0, 0.1, 0.2, 0.3, 0.8, 0.9):
        source.push_audio(sine(0.1, 16_000), 16_000, start)
        time.sleep(0.1 if start < 0.3 else 0.5 if start == 0.3 else 0.1)
    source.end()
    chunks = reader.ended().chunks
    gaps = [later.start - earlier.end for earlier, later in itertools.pairwise(chunks)]
    assert [gap for gap in gaps if abs(gap) > 0.02] == [pytest.approx(0.4, abs=0.02)]


def test_of_pictures_nobody_has_taken_the_newest_is_seen() -> None:
    source, stop = PushedSource("own"), threading.Event()
    items = source.items(SessionClock(), stop)
    waiting = threading.Thread(target=next, args=(items,))
    waiting.start()
    time.sleep(0.1)
    source.push_picture(PICTURE)
    waiting.join()  # the reader has begun, and is busy elsewhere from here on
    time.sleep(0.15)
    for shade in range(100):
        source.push_picture(np.full_like(PICTURE, shade))
    source.end()
    frames = [item for item in items if isinstance(item, VideoFrame)]
    assert [frame.image.max() for frame in frames] == [0, 99]


def test_sound_that_nobody_takes_for_a_minute_is_told_as_a_gap() -> None:
    source, stop = PushedSource("own"), threading.Event()
    items = source.items(SessionClock(), stop)
    waiting = threading.Thread(target=next, args=(items,))
    waiting.start()
    time.sleep(0.1)
    source.push_picture(PICTURE)
    waiting.join()  # the reader has begun, and is busy elsewhere from here on
    for _ in range(8):
        source.push_audio(np.zeros(160_000, np.int16), 16_000)
    source.end()
    told = [item.reason for item in items if isinstance(item, MediumChange) and item.state == "degraded"]
    assert told == ["60.0 s of audio were dropped, since they were not processed in time"]


def test_a_medium_that_falls_silent_is_down_until_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "SILENT", 0.3)
    source = PushedSource("own")
    reader = Reader(source)
    for _ in range(2):
        push_in_time(source, sine(0.3, 16_000), 16_000)
        time.sleep(0.6)
    source.end()
    changes = reader.ended().changes
    assert [(one.state, one.reason) for one in changes] == [
        ("up", "given"),
        ("down", "nothing was given for 0.3 s"),
    ] * 2


def test_what_was_pushed_before_a_session_is_not_of_it() -> None:
    source = PushedSource("own")
    source.push_audio(sine(1.0, 16_000), 16_000)
    source.push_picture(PICTURE)
    source.end()
    assert Reader(source).ended().items == []


def test_a_source_is_read_once() -> None:
    source = PushedSource("own")
    source.end()
    assert list(source.items(SessionClock(), threading.Event())) == []
    with pytest.raises(RuntimeError, match="only once"):
        next(iter(source.items(SessionClock(), threading.Event())))


def test_many_threads_may_push_at_once() -> None:
    source = PushedSource("own")
    reader = Reader(source)
    time.sleep(0.5)  # what is pushed at once was captured before now, and has to be of the session

    def push() -> None:
        for _ in range(50):
            source.push_picture(PICTURE)
            source.push_audio(np.zeros(16, np.int16), 16_000)

    threads = [threading.Thread(target=push) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source.end()
    reading = reader.ended()
    assert len(reading.samples) == pytest.approx(8 * 50 * 32, rel=0.05)
    assert [one.state for one in reading.changes if one.medium == "video"] == ["up", "down"]


@pytest.mark.parametrize(
    ("push", "cause"),
    [
        (lambda source: source.push_audio([0, 1], 16_000), "not list"),
        (lambda source: source.push_audio(np.zeros(4, np.uint8), 16_000), r"not uint8 \[4\]"),
        (lambda source: source.push_audio(np.zeros((1, 2, 3), np.int16), 16_000), r"not int16 \[1, 2, 3\]"),
        (lambda source: source.push_audio(np.zeros((4, 0), np.int16), 16_000), "one channel at least"),
        (lambda source: source.push_audio(np.zeros(4, np.int16), 0), "a rate is a whole number"),
        (lambda source: source.push_audio(np.zeros(4, np.int16), 16_000.0), "a rate is a whole number"),
        (lambda source: source.push_audio(np.zeros(200_000, np.int16), 16_000), "at most 10 s"),
        (lambda source: source.push_audio(np.zeros(4, np.int16), 16_000, float("nan")), "a time is a number"),
        (lambda source: source.push_picture(np.zeros((4, 4), np.uint8)), r"not uint8 \[4, 4\]"),
        (lambda source: source.push_picture(np.zeros((4, 4, 4), np.uint8)), r"not uint8 \[4, 4, 4\]"),
        (lambda source: source.push_picture(np.zeros((0, 4, 3), np.uint8)), r"not uint8 \[0, 4, 3\]"),
        (lambda source: source.push_picture(np.zeros((4, 4, 3), np.float32)), r"not float32 \[4, 4, 3\]"),
        (lambda source: source.push_picture(np.zeros((1, 9_000, 3), np.uint8)), "8192 pixels"),
    ],
)
def test_what_may_not_be_pushed_is_refused_in_a_sentence(
    push: Callable[[PushedSource], None], cause: str
) -> None:
    with pytest.raises(ValueError, match=cause) as caught:
        push(PushedSource("own"))
    assert "\n" not in str(caught.value)


def test_samples_that_are_no_numbers_do_no_harm() -> None:
    source = PushedSource("own")
    reader = Reader(source)
    source.push_audio(np.full(1_600, np.nan, np.float32), 16_000)
    source.push_audio(np.full(1_600, 1e9, np.float32), 16_000)
    source.end()
    samples = reader.ended().samples
    assert np.isfinite(samples).all() and np.abs(samples).max() <= 1.0


def test_a_name_that_no_feed_may_have_is_refused() -> None:
    with pytest.raises(UserError, match="cannot be named"):
        Tracker([PushedSource("not a name")], settings())
