"""A source that a program feeds, call by call."""

import math
import threading
import time
from collections.abc import Iterator

import av
import numpy as np

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.pcm import RATES
from emotrack.stream.sources.media import MediaItem, Medium
from emotrack.stream.sources.pushed.inbox import Inbox
from emotrack.stream.sources.pushed.stamping import Given
from emotrack.stream.sources.timing.clock import SessionClock

LONGEST_PUSH = 10
"""Seconds of sound that one call may give: what is live comes in small parts."""
LARGEST_SIDE = 8_192
"""Pixels of a picture's longer side."""
FORMATS = {"int16": "s16", "float32": "flt"}
"""FFmpeg's names of the samples that can be given, by NumPy's."""


class PushedSource:
    """One live feed of sound and pictures that the program has already, such as a voice agent's.

    `push_audio`, `push_picture` and `end` may be called from any thread, never wait, and keep nothing of what
    they are given: it is copied. A session takes what is pushed from its beginning on. Sound over a minute
    that it has not taken is cut and told as a gap, and of pictures only the newest waits. A medium of which
    nothing is pushed for four seconds is told down until more comes.

    Times are seconds on any clock that runs evenly, one for sound and pictures: the moment of capture of the
    first sample, or of the picture. They are mapped to the session's clock by when things come. Without them
    sound is counted and a picture was captured when it came.
    """

    live = True

    def __init__(self, name: str, description: str = "pushed by a program") -> None:
        """`name`: of the feed in messages, `[A-Za-z0-9_-]+`; `description`: for people to read."""
        self.name = name
        self.description = description
        self._inbox = Inbox(SourceSettings(), one_clock=True)

    def push_audio(self, samples: np.ndarray, rate: int, time: float | None = None) -> None:
        """The next samples: int16, or float32 within ±1, [n] or [n, channels], `rate` of them a second.

        Raises `ValueError` for anything else.
        """
        samples = _sound(samples, rate)
        if len(samples):
            channels = samples.shape[1]
            layout = "mono" if channels == 1 else "stereo"
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), FORMATS[samples.dtype.name], layout)
            frame.sample_rate = int(rate)
            self._put("audio", frame, time)

    def push_picture(self, image: np.ndarray, time: float | None = None) -> None:
        """The next picture: uint8 [height, width, 3], RGB, upright. Raises `ValueError` for anything else."""
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
            raise ValueError(f"a picture is uint8 [height, width, 3], not {_what(image)}")
        height, width, colours = image.shape
        if colours != 3 or not 0 < min(height, width) <= max(height, width) <= LARGEST_SIDE:
            raise ValueError(
                f"a picture is uint8 [height, width, 3] of at most {LARGEST_SIDE} pixels a side, not "
                f"{_what(image)}"
            )
        self._put("video", av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24"), time)

    def end(self) -> None:
        """Nothing more is pushed: the feed ends, and with the last of its feeds the session."""
        self._inbox.end()

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`; once."""
        return self._inbox.items(clock, stop)

    def _put(self, medium: Medium, frame: av.AudioFrame | av.VideoFrame, stamp: float | None) -> None:
        if stamp is not None and not math.isfinite(stamp):
            raise ValueError(f"a time is a number of seconds, not {stamp}")
        self._inbox.put(Given(medium, frame, stamp, time.monotonic_ns()))


def _sound(samples: np.ndarray, rate: int) -> np.ndarray:
    """The samples as [n, 1 or 2], in one piece: FFmpeg knows what more channels than two would be heard from,
    which these are not, so they are averaged."""
    if not isinstance(samples, np.ndarray) or samples.dtype.name not in FORMATS or samples.ndim not in (1, 2):
        raise ValueError(f"sound is int16, or float32 within ±1, [n] or [n, channels], not {_what(samples)}")
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or int(rate) not in RATES:
        raise ValueError(f"a rate is a whole number from {RATES[0]} to {RATES[-1]} a second, not {rate!r}")
    if len(samples) > LONGEST_PUSH * rate:
        raise ValueError(
            f"one push is at most {LONGEST_PUSH} s of sound, not {len(samples) / rate:.1f} s: push it as it "
            "is captured, or give the file as a source"
        )
    if samples.ndim == 1:
        samples = samples[:, None]
    if not samples.shape[1]:
        raise ValueError("sound has one channel at least")
    if samples.shape[1] > 2:
        whole = np.iinfo(np.int16).max + 1 if samples.dtype == np.int16 else 1
        samples = samples.mean(axis=1, keepdims=True, dtype=np.float32) / np.float32(whole)
    return np.ascontiguousarray(samples)


def _what(value: object) -> str:
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
