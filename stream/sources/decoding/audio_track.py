"""Decoded audio of any rate, layout and format as stamped chunks of canonical audio, one channel out of
several in which nothing that is heard in them cancels out."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import av
import numpy as np
from av.filter import Graph

from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk

WINDOW = AUDIO_RATE // 50
"""Samples that are decided on at once, and held back for it at most."""
MEMORY = 0.3
"""Seconds over which loudness and correlation are looked at."""
COUNTER = -0.6
"""Correlation with the leading channel below which a channel is turned round; it is turned back above the
opposite."""
LEADING = 4.0
"""Energy over the leading channel's from which another takes the lead."""
SIDE = math.sqrt(0.5)
WEIGHTS = {"FL": SIDE, "FR": SIDE, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0, "NONE": 1.0}
"""Weight of a loudspeaker's channel, by FFmpeg's names, against each other; every other one has
`ELSEWHERE`."""
ELSEWHERE = 0.5


class Downmix:
    """From channels to one, both at 32 kHz."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names`: of the channels, as FFmpeg calls them."""
        weights = np.array([WEIGHTS.get(name, ELSEWHERE) for name in names], np.float32)
        if not weights.any():
            weights[:] = 1.0
        self.channels = len(names)
        self._weights = weights / weights.sum()
        self._signs = np.ones(self.channels, np.float32)
        self._leader = 0
        self._products = np.zeros(
            (self.channels, self.channels)
        )  # correlation over the last moment, not normalised
        self._held = np.zeros((self.channels, 0), np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """float32 [channels, n] to float32 [m] within ±1; up to a window is held back where there are several
        channels."""
        samples = np.clip(np.nan_to_num(samples, copy=False), -1.0, 1.0)
        if self.channels == 1:
            found: np.ndarray = samples[0]
            return found
        self._held = np.concatenate([self._held, samples], axis=1)
        whole = self._held.shape[1] // WINDOW * WINDOW
        windows, self._held = self._held[:, :whole], self._held[:, whole:]
        return self._joined(
            [self._mixed(windows[:, first : first + WINDOW]) for first in range(0, whole, WINDOW)]
        )

    def flush(self) -> np.ndarray:
        """The rest."""
        rest, self._held = self._held, self._held[:, :0]
        return self._joined([self._mixed(rest)] if rest.shape[1] else [])

    def _mixed(self, window: np.ndarray) -> np.ndarray:
        before = self._signs
        self._signs = self._decided(window)
        if np.array_equal(before, self._signs):
            same: np.ndarray = (self._weights * self._signs) @ window
            return same
        fade = np.linspace(0.0, 1.0, window.shape[1], dtype=np.float32)
        signs = before[:, None] * (1 - fade) + self._signs[:, None] * fade
        faded: np.ndarray = np.einsum("cn,cn->n", self._weights[:, None] * signs, window)
        return faded

    def _decided(self, window: np.ndarray) -> np.ndarray:
        """The sign of each channel, having heard `window` too."""
        moving = (window - window.mean(axis=1, keepdims=True)).astype(
            np.float64
        )  # a constant offset is no sound
        self._products = (
            self._products * math.exp(-window.shape[1] / (MEMORY * AUDIO_RATE)) + moving @ moving.T
        )
        energies = np.diag(self._products)
        loudest = int(np.argmax(energies))
        if energies[loudest] > LEADING * energies[self._leader]:
            self._leader = loudest
        lengths = np.sqrt(energies * energies[self._leader])
        correlations = np.divide(
            self._products[self._leader], lengths, out=np.zeros(self.channels), where=lengths > 1e-9
        )
        aligned = correlations * self._signs * self._signs[self._leader]
        return np.where(aligned < COUNTER, -self._signs, self._signs)

    @staticmethod
    def _joined(parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


LONGEST_CHUNK = AUDIO_RATE // 10
"""Samples: what is waited for at most when a file is played at its own speed."""


class AudioConverter:
    """Mono float32 at 32 kHz from frames of one format; sample k of it lies k / 32,000 s after the first put
    in."""

    def __init__(self, frame: av.AudioFrame) -> None:
        self.shape = frame_shape(frame)
        self._downmix = Downmix([channel.name for channel in frame.layout.channels])
        self._graph = Graph()
        chain = [
            self._graph.add(
                "abuffer",
                sample_rate=str(frame.sample_rate),
                sample_fmt=frame.format.name,
                channel_layout=frame.layout.name,
                time_base=f"1/{frame.sample_rate}",
            ),
            self._graph.add("aresample", osr=str(AUDIO_RATE), osf="flt"),
            self._graph.add("abuffersink"),
        ]
        for one, other in pairwise(chain):
            one.link_to(other)
        self._graph.configure()

    def push(self, frame: av.AudioFrame) -> np.ndarray:
        """float32 [n], n >= 0: the resampler and the downmix keep a few milliseconds back."""
        return self._downmix.push(self._resample(frame))

    def flush(self) -> np.ndarray:
        """What was kept back; the converter is then spent."""
        rest = self._downmix.push(self._resample(None))
        return np.concatenate([rest, self._downmix.flush()])

    def _resample(self, frame: av.AudioFrame | None) -> np.ndarray:
        """float32 [channels, n]."""
        self._graph.push(frame)
        parts = []
        try:
            while True:
                part = self._graph.pull()
                assert isinstance(part, av.AudioFrame)
                parts.append(part.to_ndarray().reshape(-1, self._downmix.channels).T)
        except (av.error.BlockingIOError, av.error.EOFError):  # nothing more for now, or at all
            return (
                np.concatenate(parts, axis=1) if parts else np.zeros((self._downmix.channels, 0), np.float32)
            )


def frame_shape(frame: av.AudioFrame) -> tuple[str, str, int]:
    """What a converter is made for: format, layout and rate."""
    return frame.format.name, frame.layout.name, frame.sample_rate


class AudioTrack:
    """Stamps converted audio by counting samples; counts anew where the stamps of its frames leave the
    count."""

    def __init__(self, tolerance: float) -> None:
        """`tolerance`: seconds that a stamp may differ from the count; below are jitter and rounding, above
        gaps."""
        self._tolerance = tolerance
        self._converter: AudioConverter | None = None
        self._anchor = 0.0
        self._taken = 0.0  # seconds put in since the anchor
        self._given = 0  # samples given since the anchor
        self._skip = 0  # samples not to give, since they would overlap
        self._end = float("-inf")  # of all audio given so far

    def push(self, frame: av.AudioFrame, time: float) -> Iterator[AudioChunk]:
        """Chunks that a decoded frame completes; `time` is the session time of its first sample."""
        converter = self._converter
        jumped = abs(time - (self._anchor + self._taken)) > self._tolerance
        if converter is None or jumped or converter.shape != frame_shape(frame):
            yield from self.flush()
            self._anchor, self._taken, self._given, self._skip = time, 0.0, 0, 0
            if time < self._end:  # what would overlap is not given, and what follows joins exactly
                self._skip = round((self._end - time) * AUDIO_RATE)
                self._anchor = self._end - self._skip / AUDIO_RATE
            converter = self._converter = AudioConverter(frame)
        self._taken += frame.samples / frame.sample_rate
        yield from self._chunks(converter.push(frame))

    def flush(self) -> Iterator[AudioChunk]:
        """The last samples of what was put in."""
        if self._converter is not None:
            converter, self._converter = self._converter, None
            yield from self._chunks(converter.flush())

    def _chunks(self, samples: np.ndarray) -> Iterator[AudioChunk]:
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        self._given += skipped
        for first in range(skipped, len(samples), LONGEST_CHUNK):
            part = samples[first : first + LONGEST_CHUNK]
            chunk = AudioChunk(self._anchor + self._given / AUDIO_RATE, part)
            self._given += len(part)
            self._end = chunk.end
            yield chunk
