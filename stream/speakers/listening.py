"""What ten seconds of a feed tell of its speakers: who of up to three speaks in which block, and how voices
sound where one speaks alone."""

from dataclasses import dataclass

import numpy as np

from emotrack.engines.encoders.sound.turns import (
    FRAME_SAMPLES,
    FRAMES,
    HEARD,
    MEMBERS,
    WINDOW,
    TurnEncoder,
)

BLOCK = 512
"""Samples of a block at 16 kHz."""
BLOCKS = HEARD // BLOCK
"""Whole blocks in what is heard at once."""
STEP = 8
"""Blocks from one window in which a voice is described to the next."""
_CENTRE = 495
"""Sample in the middle of what the first frame hears."""
_ALONE, _OTHERS = 0.6, 0.2
"""Share of a window that one speaker has to fill, and that others may."""


@dataclass(frozen=True, slots=True)
class VoiceWindow:
    """A voice in 1.5 s of a feed."""

    middle: int
    """The block in its middle."""
    embedding: np.ndarray
    """Float32 [192] of length 1."""
    local: int
    """Which of the speakers of this listening it is."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What the `BLOCKS` blocks before block `end` tell."""

    end: int
    speech: np.ndarray
    """Probability that somebody speaks in each block: float32 [BLOCKS]."""
    activity: np.ndarray
    """Probability that each of three speaks in each block: float32 [BLOCKS, SPEAKERS]."""
    windows: tuple[VoiceWindow, ...]

    @property
    def first(self) -> int:
        """The first block; below 0 where the feed is younger."""
        return self.end - BLOCKS


class VoiceListener:
    """Listens to one feed, each time to its newest ten seconds; one thread at a time."""

    def __init__(self, encoder: TurnEncoder) -> None:
        self._encoder = encoder
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._described: dict[int, np.ndarray] = {}

    def listen(self, end: int, samples: np.ndarray) -> Listening:
        """What the newest samples float32 [HEARD], the last of them the end of block `end` - 1, tell."""
        classes = per_block(self._encoder.activity(samples))
        activity = classes @ MEMBERS
        first = end - BLOCKS
        local = _alone(MEMBERS[classes.argmax(1)], first)
        wanted = [middle for middle in local if middle not in self._described]
        cut = [
            samples[HEARD - (end - middle) * BLOCK + BLOCK // 2 - WINDOW // 2 :][:WINDOW] for middle in wanted
        ]
        found = self._encoder.embed(np.stack(cut) if cut else np.zeros((0, WINDOW), np.float32))
        self._described = {
            **{middle: one for middle, one in self._described.items() if middle >= first},
            **dict(zip(wanted, found, strict=True)),
        }
        windows = tuple(VoiceWindow(middle, self._described[middle], who) for middle, who in local.items())
        return Listening(end, 1 - classes[:, 0], activity, windows)


def per_block(frames: np.ndarray) -> np.ndarray:
    """Probabilities float32 [FRAMES, 7] at the middles of the newest whole blocks: float32 [BLOCKS, 7]."""
    middles = HEARD - BLOCK * np.arange(BLOCKS, 0, -1) + BLOCK / 2
    times = _CENTRE + FRAME_SAMPLES * np.arange(FRAMES)
    return np.stack([np.interp(middles, times, one) for one in frames.T], 1).astype(np.float32)


def _alone(speaks: np.ndarray, first: int) -> dict[int, int]:
    """The windows of the grid in which one speaks nearly alone, by their middles, and who; `speaks` [BLOCKS,
    SPEAKERS] from block `first` on."""
    half = -(-WINDOW // BLOCK // 2)
    found = {}
    for middle in range(-(-(first + half) // STEP) * STEP, first + BLOCKS - half, STEP):
        inside = speaks[middle - first - half : middle - first + half + 1]
        shares = inside.mean(0)
        who = int(shares.argmax())
        if middle >= half and shares[who] >= _ALONE and shares.sum() - shares[who] < _OTHERS:
            found[middle] = who
    return found
