"""What a source gives: stamped audio chunks and video frames, and word of a medium that goes down or comes
back."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from emotrack.errors import UserError
from emotrack.stream.sources.timing.clock import SessionClock

AUDIO_RATE = 32_000
"""Samples a second of the canonical audio (mono float32): PaSST's own rate."""

SILENT_PEAK = 1e-4
"""-80 dBFS: digital silence, below the last bits of 16-bit audio, where no open microphone stays."""

Medium = Literal["audio", "video"]
MEDIA: tuple[Medium, Medium] = ("audio", "video")


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Consecutive samples; `start` is the session time (seconds) at which the first one was captured."""

    start: float
    samples: np.ndarray
    """float32 [n], mono, 32 kHz, within ±1."""

    @property
    def end(self) -> float:
        """Session time (seconds) after the last sample."""
        return self.start + len(self.samples) / AUDIO_RATE

    @property
    def sounds(self) -> bool:
        """Whether it is more than digital silence."""
        return bool(np.abs(self.samples).max(initial=0.0) > SILENT_PEAK)


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture; `time` is the session time (seconds) at which it was captured."""

    time: float
    image: np.ndarray
    """uint8 [height, width, 3], RGB, upright."""


@dataclass(frozen=True, slots=True)
class MediumChange:
    """A medium of a feed is up (giving data), down (giving none) or degraded (giving some), from session time
    `time` on."""

    time: float
    medium: Medium
    state: Literal["up", "down", "degraded"]
    reason: str


MediaItem = AudioChunk | VideoFrame | MediumChange


class Absent(UserError):
    """A live source is not there now; it may come."""


class Source(Protocol):
    """One feed: a file, a pipe, a URL, a device, or a camera and a microphone taken together."""

    name: str
    """Feed name in messages, `[A-Za-z0-9_-]+`."""
    description: str
    """What the user wrote, for people to read (credentials removed)."""
    live: bool
    """True when the source runs by itself (device, network) and must be read on time; False for files."""

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """Yield items in order of time until the feed ends for good or `stop` is set; then release the
        device.

        The first items say which media are there (`MediumChange` up). A live feed that is lost is reported
        down and retried with back-off inside this iterator. Raises `UserError` only when the source cannot be
        opened at the start.
        """
        ...


@runtime_checkable
class Closable(Protocol):
    """A source that holds something from the moment it is opened: a pipe's end, a connection."""

    def close(self) -> None:
        """Let go of it where `items` has not taken it over; callable again."""
        ...


def release(sources: Iterable[object]) -> None:
    """Close those of the sources that hold something: they will not be read, or have been."""
    for source in sources:
        if isinstance(source, Closable):
            source.close()


def begin(item: MediaItem) -> float:
    """Session time (seconds) of an item's first sample or its picture."""
    return item.start if isinstance(item, AudioChunk) else item.time


def due(item: MediaItem) -> float:
    """Session time (seconds) at which an item is there: audio at its end, everything else at its stamp."""
    return item.end if isinstance(item, AudioChunk) else item.time


LATEST = 1e9
"""Seconds: no session lasts so long, so a later stamp is that of a broken clock."""


def checked(items: Iterable[MediaItem]) -> Iterator[MediaItem]:
    """The same items; raises `ValueError` at the first that no source may give, before it does harm.

    Times have to be finite, sound one-dimensional and of finite numbers, pictures of bytes in three
    colours."""
    for item in items:
        if wrong := _wrong(item):
            raise ValueError(f"the source gives {wrong}")
        yield item


def _wrong(item: object) -> str | None:
    match item:
        case AudioChunk(time, samples):
            if samples.ndim != 1:
                return f"sound of {samples.ndim} dimensions instead of one"
            if not np.isfinite(samples).all():
                return "sound with samples that are not finite numbers"
        case VideoFrame(time, image):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
                return f"pictures of {image.dtype} {list(image.shape)} instead of uint8 [height, width, 3]"
        case MediumChange(time):
            pass
        case _:
            return f"{type(item).__name__} instead of sound, pictures and word of them"
    return None if abs(time) < LATEST else f"a time of {time:g} s"  # also no number is below


def paced(items: Iterable[MediaItem], clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
    """The same items, none before it is due; ends at once when `stop` is set."""
    for item in items:
        wait = due(item) - clock.now()
        if stop.wait(wait) if wait > 0 else stop.is_set():
            return
        yield item
