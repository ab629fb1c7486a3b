"""Tells a muted microphone (digital silence) from a quiet room."""

import numpy as np

from emotrack.stream.media import SILENT_PEAK

BLOCKS_UNTIL_MUTED = 47
"""1.5 s of digital silence."""


class MutedDetector:
    """Counts blocks of digital silence."""

    def __init__(self) -> None:
        self.muted = False
        self.peak = 0.0
        """Of the newest block, 0 to 1."""
        self._silent_blocks = 0

    def step(self, samples: np.ndarray) -> bool:
        """Take one block float32 [n]; True when `muted` has changed with it."""
        self.peak = float(np.abs(samples).max(initial=0.0))
        self._silent_blocks = self._silent_blocks + 1 if self.peak <= SILENT_PEAK else 0
        before, self.muted = self.muted, self._silent_blocks >= BLOCKS_UNTIL_MUTED
        return before != self.muted
