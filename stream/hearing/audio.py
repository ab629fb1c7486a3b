"""The canonical audio of a feed: a sequence of 32 ms blocks at 32 kHz, each with its 16 kHz view; a ring of
them; and whether the microphone is muted."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from emotrack.stream.sources.media import AUDIO_RATE, SILENT_PEAK, AudioChunk
from emotrack.streaming import StreamingAttributes

BLOCK_SAMPLES = 1024
"""Samples of one block at 32 kHz; 512 at 16 kHz, the window of the voice activity detector."""

BLOCK_SECONDS = BLOCK_SAMPLES / AUDIO_RATE

FOLLOW_FROM = 0.002
"""Seconds by which stamps may wander (container rounding is up to 1 ms) before the times of the blocks follow
them."""

GAP_FROM = 0.01
"""Seconds between the end of a chunk and the next stamp from which samples count as lost (or as given
twice)."""

LONGEST_FILLED_GAP = 1.0
"""Seconds; a longer gap is not filled with silence: the sequence breaks off and starts again."""

NOISE = 1e-7
"""Seconds by which the rounding of floats may change a stamp when the same samples are chunked otherwise."""

_SINC = np.sinc(np.arange(-50, 51) / 2) * np.kaiser(101, 8.0)
HALF_BAND = (_SINC / _SINC.sum()).astype(np.float32)
"""Linear-phase low-pass before halving the rate: flat to 7 kHz, -80 dB from 9 kHz; it delays the view by 1.6
ms.

Windowed by hand: importing scipy.signal for it took half of the time in which tracking starts.
"""


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """The `index`-th block of a feed; `time` is the session time (seconds, whole microseconds) of its first
    sample."""

    index: int
    time: float
    samples_32k: np.ndarray
    """float32 [1024]."""
    samples_16k: np.ndarray
    """float32 [512], 1.6 ms late (the delay of the filter)."""

    @property
    def end(self) -> float:
        """Session time (seconds) at which the last sample ends."""
        return round(self.time + BLOCK_SECONDS, 6)


@dataclass(frozen=True, slots=True)
class Discontinuity:
    """The sequence broke off at session time `time`: nothing for `gap` seconds. What follows is a new
    beginning."""

    time: float
    gap: float


class BlockCutter(StreamingAttributes):
    """Cuts the chunks of one feed into blocks.

    Chunks come in order of time. A gap of up to a second becomes silence, samples given twice are dropped, a
    longer gap is told as a `Discontinuity` after the block that was being filled (completed with silence).
    NaN and infinite samples become 0. Block indices count on through everything.
    """

    STATE = ("index", "origin", "position", "trimming", "time", "filling", "history")
    WHOSE = "the sound's blocks"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, and count blocks from 0 again."""
        self._index = 0
        self._restart()

    def _restart(self) -> None:
        self._origin: float | None = None  # session time of the sample at position 0
        self._position = 0  # samples taken since then
        self._trimming = False  # samples are being dropped that were given before
        self._time = 0.0  # of the block being filled
        self._filling = np.zeros(BLOCK_SAMPLES, np.float32)
        self._history = np.zeros(len(HALF_BAND) - 1, np.float32)

    def push(self, chunk: AudioChunk) -> list[AudioBlock | Discontinuity]:
        """Take the next chunk; returns the blocks that it completes."""
        out: list[AudioBlock | Discontinuity] = []
        samples = chunk.samples
        if self._origin is None:
            self._origin = round(chunk.start, 6)
        gap = chunk.start - self._expected()
        trimming, self._trimming = self._trimming, False
        if gap > LONGEST_FILLED_GAP + NOISE:
            end = self._expected()
            out += self.flush()
            out.append(Discontinuity(round(end, 6), round(gap, 6)))
            self._origin = round(chunk.start, 6)
        elif gap > GAP_FROM + NOISE:
            out += self._append(np.zeros(_samples(gap), np.float32))
        elif gap < -GAP_FROM - NOISE or (trimming and gap < 0):
            twice = _samples(-gap)
            self._trimming = twice > len(samples)  # the next chunk may go on with it, however little is left
            samples = samples[twice:]
        elif abs(gap) > FOLLOW_FROM + NOISE:
            self._origin = round(self._origin + gap, 6)
        return out + self._append(np.where(np.isfinite(samples), samples, np.float32(0)))

    def flush(self) -> list[AudioBlock]:
        """Complete the block being filled with silence; the next chunk starts a new sequence at its own
        stamp."""
        last = self._append(np.zeros(-self._position % BLOCK_SAMPLES, np.float32))
        self._restart()
        return last

    def _expected(self) -> float:
        assert self._origin is not None
        return self._origin + self._position / AUDIO_RATE

    def _append(self, samples: np.ndarray) -> list[AudioBlock]:
        blocks = []
        taken = 0
        while taken < len(samples):
            offset = self._position % BLOCK_SAMPLES
            if offset == 0:
                self._filling = np.zeros(BLOCK_SAMPLES, np.float32)
                self._time = round(self._expected(), 6)
            count = min(BLOCK_SAMPLES - offset, len(samples) - taken)
            self._filling[offset : offset + count] = samples[taken : taken + count]
            taken += count
            self._position += count
            if offset + count == BLOCK_SAMPLES:
                blocks.append(AudioBlock(self._index, self._time, self._filling, self._halved()))
                self._index += 1
        return blocks

    def _halved(self) -> np.ndarray:
        history = len(self._history)
        padded = np.concatenate([self._history, self._filling])
        self._history = padded[-history:]
        return np.convolve(padded, HALF_BAND, "valid")[::2]


class AudioRing:
    """The latest blocks of one feed, to cut utterances from; older ones are forgotten."""

    def __init__(self, seconds: float) -> None:
        self._blocks: deque[AudioBlock] = deque(maxlen=math.ceil(seconds / BLOCK_SECONDS))

    def append(self, block: AudioBlock) -> None:
        """Take the next block (indices count up by one)."""
        self._blocks.append(block)

    def blocks(self, first_block: int, end_block: int) -> list[AudioBlock]:
        """The blocks `first_block` to `end_block` (exclusive); raises LookupError when one of them is not
        held."""
        base = self._blocks[0].index if self._blocks else 0
        if not base <= first_block <= end_block <= base + len(self._blocks):
            raise LookupError(
                f"blocks {first_block} to {end_block} are not held ({base} to {base + len(self._blocks)} are)"
            )
        return [self._blocks[index - base] for index in range(first_block, end_block)]


def _samples(seconds: float) -> int:
    """The nearest number of samples; half a sample counts down, also when rounding has made a little more of
    it."""
    return math.floor((seconds - NOISE) * AUDIO_RATE + 0.5)


BLOCKS_UNTIL_MUTED = 47
"""1.5 s of digital silence."""


class MutedDetector(StreamingAttributes):
    """Counts blocks of digital silence."""

    STATE = ("peak", "silent_blocks")
    WHOSE = "the microphone"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As if nothing had been heard."""
        self._peak = 0.0
        self._silent_blocks = 0

    @property
    def muted(self) -> bool:
        """Whether it has been silent for so long that it must be muted."""
        return self._silent_blocks >= BLOCKS_UNTIL_MUTED

    @property
    def peak(self) -> float:
        """Of the newest block, 0 to 1."""
        return self._peak

    def step(self, samples: np.ndarray) -> bool:
        """Take one block float32 [n]; True when `muted` has changed with it."""
        before = self.muted
        self._peak = float(np.abs(samples).max(initial=0.0))
        self._silent_blocks = self._silent_blocks + 1 if self._peak <= SILENT_PEAK else 0
        return before != self.muted
