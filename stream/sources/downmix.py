"""One channel out of several, in which nothing that is heard in them cancels out.

Channels are averaged with the weights of ITU-R BS.775. Two that carry the same with opposite signs (a balanced line on a
stereo input, a cable soldered the wrong way round) would give silence, so a channel is turned round while it runs counter
to the leading one. Nothing is chosen by loudness alone: the loudest channel may be the broken one, and of an average each
channel keeps its share. What is decided of a window depends on that window and those before it, counted in samples from
where the sound begins: however the sound is cut into pieces, the result is the same.
"""

import math
from collections.abc import Sequence

import numpy as np

from emotrack.stream.media import AUDIO_RATE

WINDOW = AUDIO_RATE // 50
"""Samples that are decided on at once, and held back for it at most."""
MEMORY = 0.3
"""Seconds over which loudness and correlation are looked at."""
COUNTER = -0.6
"""Correlation with the leading channel below which a channel is turned round; it is turned back above the opposite."""
LEADING = 4.0
"""Energy over the leading channel's from which another takes the lead."""
SIDE = math.sqrt(0.5)
WEIGHTS = {"FL": SIDE, "FR": SIDE, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0, "NONE": 1.0}
"""Weight of a loudspeaker's channel, by FFmpeg's names, against each other; every other one has `ELSEWHERE`."""
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
        self._products = np.zeros((self.channels, self.channels))  # correlation over the last moment, not normalised
        self._held = np.zeros((self.channels, 0), np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """float32 [channels, n] to float32 [m] within ±1; up to a window is held back where there are several channels."""
        samples = np.clip(np.nan_to_num(samples, copy=False), -1.0, 1.0)
        if self.channels == 1:
            return samples[0]
        self._held = np.concatenate([self._held, samples], axis=1)
        whole = self._held.shape[1] // WINDOW * WINDOW
        windows, self._held = self._held[:, :whole], self._held[:, whole:]
        return self._joined([self._mixed(windows[:, first : first + WINDOW]) for first in range(0, whole, WINDOW)])

    def flush(self) -> np.ndarray:
        """The rest."""
        rest, self._held = self._held, self._held[:, :0]
        return self._joined([self._mixed(rest)] if rest.shape[1] else [])

    def _mixed(self, window: np.ndarray) -> np.ndarray:
        before = self._signs
        self._signs = self._decided(window)
        if np.array_equal(before, self._signs):
            return (self._weights * self._signs) @ window
        fade = np.linspace(0.0, 1.0, window.shape[1], dtype=np.float32)
        signs = before[:, None] * (1 - fade) + self._signs[:, None] * fade
        return np.einsum("cn,cn->n", self._weights[:, None] * signs, window)

    def _decided(self, window: np.ndarray) -> np.ndarray:
        """The sign of each channel, having heard `window` too."""
        moving = (window - window.mean(axis=1, keepdims=True)).astype(np.float64)  # a constant offset is no sound
        self._products = self._products * math.exp(-window.shape[1] / (MEMORY * AUDIO_RATE)) + moving @ moving.T
        energies = np.diag(self._products)
        loudest = int(np.argmax(energies))
        if energies[loudest] > LEADING * energies[self._leader]:
            self._leader = loudest
        lengths = np.sqrt(energies * energies[self._leader])
        correlations = np.divide(self._products[self._leader], lengths, out=np.zeros(self.channels), where=lengths > 1e-9)
        aligned = correlations * self._signs * self._signs[self._leader]
        return np.where(aligned < COUNTER, -self._signs, self._signs)

    @staticmethod
    def _joined(parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
