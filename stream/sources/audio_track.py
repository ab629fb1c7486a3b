"""Turns decoded audio of any rate, layout and format into stamped chunks of canonical audio, without overlaps."""

from collections.abc import Iterator
from itertools import pairwise

import av
import numpy as np
from av.filter import Graph

from emotrack.stream.media import AUDIO_RATE, AudioChunk
from emotrack.stream.sources.downmix import Downmix

LONGEST_CHUNK = AUDIO_RATE // 10
"""Samples: what is waited for at most when a file is played at its own speed."""


class AudioConverter:
    """Mono float32 at 32 kHz from frames of one format; sample k of it lies k / 32,000 s after the first put in."""

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
            return np.concatenate(parts, axis=1) if parts else np.zeros((self._downmix.channels, 0), np.float32)


def frame_shape(frame: av.AudioFrame) -> tuple[str, str, int]:
    """What a converter is made for: format, layout and rate."""
    return frame.format.name, frame.layout.name, frame.sample_rate


class AudioTrack:
    """Stamps converted audio by counting samples; counts anew where the stamps of its frames leave the count."""

    def __init__(self, tolerance: float) -> None:
        """`tolerance`: seconds that a stamp may differ from the count; below are jitter and rounding, above gaps."""
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
