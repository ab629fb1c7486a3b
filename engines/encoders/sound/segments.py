"""How an utterance's audio is cut into the overlapping segments that an audio encoder describes, one vector
each.

Segment k covers [k * hop, k * hop + window). All that fit are taken; what is left over becomes one more,
padded with zeros, when it holds enough sound to describe. Segments that fit never change as an utterance
grows, so they are encoded while it lasts.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

MINIMUM_TAIL = 0.25
"""Seconds of sound past the last whole segment that are worth a padded segment of their own."""


class AudioEncoder(Protocol):
    """Describes audio segments; one network behind one interface, whatever its rate and its window."""

    rate: int
    """Samples a second that it wants."""
    window: float
    """Seconds in a segment."""
    hop: float
    """Seconds from the start of a segment to the start of the next."""
    dim: int
    """Numbers in the description of one segment."""

    def encode(self, segments: np.ndarray) -> np.ndarray:
        """Describe float32 segments [k, window * rate] as float32 [k, dim]; k may be 0."""
        ...


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """The rule in samples: `window` and `hop` with 0 < hop <= window, and `minimum_tail`."""

    window: int
    hop: int
    minimum_tail: int

    @classmethod
    def seconds(cls, rate: int, window: float, hop: float) -> "SegmentRule":
        """The rule for a window and a hop in seconds, at `rate` samples a second."""
        return cls(round(window * rate), round(hop * rate), round(MINIMUM_TAIL * rate))

    @classmethod
    def of(cls, encoder: AudioEncoder) -> "SegmentRule":
        """The rule that `encoder` asks for."""
        return cls.seconds(encoder.rate, encoder.window, encoder.hop)

    def complete(self, samples: int) -> int:
        """How many segments fit into the first `samples` samples of an utterance."""
        return max(0, 1 + (samples - self.window) // self.hop)

    def span(self, index: int) -> tuple[int, int]:
        """First sample of segment `index`, and the one after its last."""
        return index * self.hop, index * self.hop + self.window

    def has_tail(self, samples: int) -> bool:
        """Whether an utterance that ends after `samples` samples gets a padded segment after the complete
        ones."""
        complete = self.complete(samples)
        if complete == 0:
            return samples > 0
        return samples - self.span(complete - 1)[1] >= self.minimum_tail

    def whole(self, samples: np.ndarray, first: int = 0) -> np.ndarray:
        """The complete segments of `samples` (float32 [n], all of the utterance so far) from `first` on."""
        spans = [self.span(index) for index in range(first, self.complete(len(samples)))]
        cut = [samples[start:end] for start, end in spans]
        return np.stack(cut).astype(np.float32) if cut else np.zeros((0, self.window), np.float32)

    def tail(self, samples: np.ndarray) -> np.ndarray:
        """The padded segment of an utterance that is `samples` and no more: [1, window], or [0, window] for
        none."""
        if not self.has_tail(len(samples)):
            return np.zeros((0, self.window), np.float32)
        rest = samples[self.complete(len(samples)) * self.hop :]
        return np.pad(rest, (0, self.window - len(rest)))[None].astype(np.float32)

    def all(self, samples: np.ndarray) -> np.ndarray:
        """Every segment of a finished utterance, [k, window]: the complete ones, then the tail."""
        return np.concatenate([self.whole(samples), self.tail(samples)])
