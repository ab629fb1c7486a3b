"""Sources and recognisers that give what a test tells them to, and stand-ins for voice activity and encoders
that cost next to nothing.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from emotrack.demo import clip_path
from emotrack.demo.render import CAMERA_COVERED, DURATION, LINES, MICROPHONE_MUTED
from emotrack.engines.encoders.face.detection import DetectedFace
from emotrack.engines.open import Encoders
from emotrack.stream.sources.media import (
    AUDIO_RATE,
    AudioChunk,
    MediaItem,
    Medium,
    MediumChange,
    VideoFrame,
    due,
)
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.clock import RateGrid, SessionClock
from emotrack.stream.transcription.transcript import Transcript

Items = Iterable[MediaItem]
LINE_SECONDS = 4.2
"""No line of the demonstration clip begins sooner after another one."""


class Scripted:
    """A file-like source of given items; `items` may be a function, so that each session gets them anew."""

    def __init__(self, name: str, items: Items | Callable[[], Items]) -> None:
        self.name, self.description, self.live = name, f"scripted {name}", False
        self._items = items

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        for item in self._items() if callable(self._items) else self._items:
            if stop.is_set():
                return
            yield item


@cache
def clip_items() -> tuple[MediaItem, ...]:
    """The demonstration clip's sound, and its pictures at five a second."""
    grid = RateGrid()
    source = open_source(str(clip_path()), name="clip")
    items = source.items(SessionClock(), threading.Event())
    return tuple(item for item in items if not isinstance(item, VideoFrame) or grid.takes(item.time, 5.0))


def clip_part(
    begin: float, end: float, *, at: float, pictures: bool = True, sounds: bool = True
) -> list[MediaItem]:
    """What the clip shows and says from `begin` to `end` (seconds), moved to `at`."""
    part: list[MediaItem] = []
    for item in clip_items():
        match item:
            case AudioChunk(start, samples):
                first, last = (
                    round(min(max(moment - start, 0.0), item.end - start) * AUDIO_RATE)
                    for moment in (begin, end)
                )
                if sounds and last > first:
                    part.append(AudioChunk(start + first / AUDIO_RATE - begin + at, samples[first:last]))
            case VideoFrame(moment, image):
                if pictures and begin <= moment < end:
                    part.append(VideoFrame(moment - begin + at, image))
    return part


def people(seconds: float) -> list[MediaItem]:
    """Pictures of people, without sound; twelve seconds at most."""
    first, second = (0.0, CAMERA_COVERED[0]), (MICROPHONE_MUTED[1], DURATION)
    shown = [*clip_part(*first, at=0.0, sounds=False), *clip_part(*second, at=first[1], sounds=False)]
    return [item for item in shown if due(item) < seconds]


def clip_line(number: int, *, at: float, pictures: bool = True) -> list[MediaItem]:
    """What is shown and said for `LINE_SECONDS` from half a second before the clip's line of this number
    (from 0), at `at`."""
    begin = LINES[number].start - 0.5
    return clip_part(begin, begin + LINE_SECONDS, at=at, pictures=pictures)


def up(*media: Medium, at: float = 0.0) -> list[MediaItem]:
    return [MediumChange(at, medium, "up", "start") for medium in media]


def down(medium: Medium, at: float, reason: str) -> list[MediaItem]:
    return [MediumChange(at, medium, "down", reason)]


def sound(*parts: tuple[float, float], at: float = 0.0) -> list[MediaItem]:
    """One stretch of audio: parts of (seconds, loudness), each of white noise so loud; 0 is digital
    silence."""
    noise = np.random.default_rng(5)
    samples = [
        loud * noise.standard_normal(round(seconds * AUDIO_RATE)).astype(np.float32)
        for seconds, loud in parts
    ]
    whole = np.clip(np.concatenate(samples), -1, 1)
    return [
        AudioChunk(at + first / AUDIO_RATE, whole[first : first + 3_200])
        for first in range(0, len(whole), 3_200)
    ]


def by_time(*parts: Iterable[MediaItem]) -> list[MediaItem]:
    """All items in the order in which a source gives them."""
    return sorted((item for part in parts for item in part), key=due)


class LoudnessVad:
    """Takes everything loud for speech, in the place of Silero's network."""

    def __init__(self, network: Path | None = None) -> None:
        """`network` is not read."""

    def stream(self) -> "LoudnessVad":
        return self

    def reset(self) -> None:
        pass

    def probability(self, block_16k: np.ndarray) -> float:
        return float(np.sqrt(np.mean(block_16k**2)) > 0.03)


class NumbersEncoder:
    """Describes audio segments by a few of their own numbers after waiting `seconds`, in the place of the
    voice network."""

    rate = 16_000
    window = 1.5
    hop = 0.75
    dim = 128

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def encode(self, segments: np.ndarray) -> np.ndarray:
        time.sleep(self._seconds)
        return segments[:, : self.dim].astype(np.float32)


class NobodyDetector:
    """Finds no face in any picture."""

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        return []

    def follow(self, image: np.ndarray, faces: list[DetectedFace]) -> list[DetectedFace]:
        return []


def cheap(encoders: Encoders, *, slow: float = 0.0) -> Encoders:
    """The same encoders with stand-ins for audio and for finding faces; `slow` seconds for each description
    of audio."""
    nobody = NobodyDetector()
    return replace(encoders, audio=NumbersEncoder(slow), face_detector=nobody)  # type: ignore[arg-type]  # stands in


WORDS = ("so", "are", "you", "coming", "with", "us", "no", "never", "!", "?")


class Recogniser:
    """Hears the more words the longer a sound lasts, and never the same for two lengths, `delay` seconds
    after it was asked.

    `delay` may be a function of how many utterances were opened before (None: it never answers), and
    `failure` is what it fails with instead.
    """

    name = "words"

    def __init__(
        self, delay: float | Callable[[int], float | None] | None = 0.0, *, failure: Exception | None = None
    ) -> None:
        self._delay = delay
        self._failure = failure
        self._opened = 0
        self.answered_at = -math.inf
        self.abandoned = 0
        """Streams that were closed while they owed an answer."""
        self.kept_waiting = 0
        """Times that somebody waited in vain for words of an utterance before its end."""

    @property
    def backlog(self) -> float:
        """Nobody waits for another."""
        return 0.0

    def open(self) -> "Words":
        delay = self._delay(self._opened) if callable(self._delay) else self._delay
        self._opened += 1
        return Words(self, delay, self._failure)

    def close(self) -> None:
        pass


class Words:
    """One utterance of a `Recogniser`."""

    def __init__(self, recogniser: Recogniser, delay: float | None, failure: Exception | None) -> None:
        self._recogniser = recogniser
        self._delay = delay
        self._failure = failure
        self._blocks = 0
        self._asked: Future[Transcript] = Future()

    def feed(self, samples_16k: np.ndarray) -> None:
        self._blocks += len(samples_16k) // 512

    def pause(self) -> "Future[Transcript]":
        asked: Future[Transcript] = Future()
        self._asked = asked
        said = Transcript(" ".join(WORDS[int(digit)] for digit in str(self._blocks**3)), "en", "words", None)

        def answer() -> None:
            self._recogniser.answered_at = time.monotonic()
            if not asked.set_running_or_notify_cancel():
                return
            if self._failure is None:
                asked.set_result(said)
            else:
                asked.set_exception(self._failure)

        if self._delay == 0:
            answer()
        elif self._delay is not None:
            later = threading.Timer(self._delay, answer)
            later.daemon = True
            later.start()
        return asked

    def conclude(self, patience: float = math.inf) -> None:
        pass

    def partial(self, patience: float) -> Transcript | None:
        """Nothing is said of an utterance before its end; one that is not answered soon enough keeps whoever
        waits."""
        if patience and (self._delay is None or self._delay >= patience):
            self._recogniser.kept_waiting += 1
            time.sleep(patience)
        return None

    def keep(self, samples: int) -> None:
        self._blocks = samples // 512

    def close(self) -> None:
        self._recogniser.abandoned += self._asked.cancel()
