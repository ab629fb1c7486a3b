"""The sound of an utterance cut into segments for transcription while it comes, at places that depend on the sound alone."""

import numpy as np

QUIET_SECONDS = 0.1
"""Length of the moment whose middle is cut at."""


class Segments:
    """Sound in segments of half to the whole of `longest` samples, each cut at the quietest moment in between.

    Only the last, which is open, still changes. It is cut once it has `longest` samples, by those alone, however they came.
    """

    def __init__(self, longest: int, rate: int) -> None:
        self.closed: list[np.ndarray] = []
        """Segments that have ended, float32 [n] each."""
        self.size = 0
        """Samples altogether."""
        self._open: list[np.ndarray] = []  # what follows them, as it came
        self._open_size = 0
        self._longest = longest
        self._moment = round(QUIET_SECONDS * rate)

    @property
    def open(self) -> np.ndarray:
        """The last segment as far as it is known, float32 [n]; it may be empty."""
        return np.concatenate([np.empty(0, np.float32), *self._open])

    def extend(self, samples: np.ndarray) -> None:
        """Take the next sound, float32 [n]."""
        self._open.append(samples)
        self._open_size += samples.size
        self.size += samples.size
        while self._open_size >= self._longest:
            sound = self.open
            cut = self._quietest(sound[: self._longest])
            self.closed.append(sound[:cut])
            self._open, self._open_size = [sound[cut:]], sound.size - cut

    def keep(self, samples: int) -> None:
        """Forget all but the first `samples`, and every cut that was made by what followed them."""
        known = np.concatenate([*self.closed, self.open])[:samples]
        self.closed, self._open, self._open_size, self.size = [], [], 0, 0
        self.extend(known)

    def _quietest(self, sound: np.ndarray) -> int:
        """The middle of the quietest moment in the second half."""
        half = self._longest // 2
        energy = np.cumsum(np.concatenate([[0.0], sound[half:].astype(np.float64) ** 2]))
        moments = energy[self._moment :] - energy[: -self._moment]
        return half + int(np.argmin(moments)) + self._moment // 2
