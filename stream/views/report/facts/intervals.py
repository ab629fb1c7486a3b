"""Means over utterances, and how far they can be told: bootstrap intervals, the same for the same values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2_000
"""Bootstrap samples of an interval."""
COVERED = 95
"""Percent of them that an interval holds."""


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over utterances, with the interval that holds most bootstrap samples of them."""

    mean: float
    low: float | None
    """None where one utterance alone tells nothing of how much they vary."""
    high: float | None
    utterances: int


def mean(values: Sequence[float]) -> Mean | None:
    """Their mean with its bootstrap interval; None where there is none. The same values give the same."""
    if not values:
        return None
    return _told(float(np.mean(values)), _samples(values) if len(values) > 1 else None, len(values))


def difference(values: Sequence[float], others: Sequence[float]) -> Mean | None:
    """The mean of the others less that of the values, each drawn for itself; None where one has none."""
    if not values or not others:
        return None
    apart = float(np.mean(others)) - float(np.mean(values))
    few = min(len(values), len(others))
    return _told(apart, _samples(others, seed=1) - _samples(values) if few > 1 else None, few)


def _told(value: float, samples: np.ndarray | None, utterances: int) -> Mean:
    if samples is None:
        return Mean(mean=value, low=None, high=None, utterances=utterances)
    low, high = np.percentile(samples, [(100 - COVERED) / 2, (100 + COVERED) / 2])
    return Mean(mean=value, low=float(low), high=float(high), utterances=utterances)


def _samples(values: Sequence[float], seed: int = 0) -> np.ndarray:
    """Means of samples drawn with replacement, (DRAWS,)."""
    known, random = np.asarray(values, dtype=float), np.random.default_rng(seed)
    return np.array([known[random.integers(len(known), size=len(known))].mean() for _ in range(DRAWS)])
