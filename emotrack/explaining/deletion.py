"""Whether a ranking of parts holds: without the parts ranked first the label must lose more than without random ones.

Parts were ranked one by one; this tells whether what was found so also holds together (Samek et al. 2017, "Evaluating the
visualization of what a deep neural network has learned").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotrack.explaining.contributions import Contribution, Explainer

MOST = 10
"""Parts that are left out at most."""
DRAWS = 20
"""Random orders of the parts."""
RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Deletion:
    """The label's probability with everything (`whole`) and without 1, 2, … parts: `top` [K], those that speak for it most first;
    `random` [draws, K], parts in random orders."""

    whole: float
    top: np.ndarray
    random: np.ndarray

    @property
    def drop(self) -> float:
        """Mean loss of probability over 1 to K parts, the top ones."""
        return float(self.whole - self.top.mean())

    @property
    def random_drop(self) -> float:
        """The same for random parts."""
        return float(self.whole - self.random.mean())


@dataclass(frozen=True, slots=True)
class DeletionSummary:
    """Means over utterances, and the 95 % interval of the mean difference, resampled over utterances."""

    utterances: int
    drop: float
    random_drop: float
    interval: tuple[float, float]
    better: float
    """Share of the utterances whose top parts weigh more than random ones."""

    @property
    def difference(self) -> float:
        return self.drop - self.random_drop


def delete(explainer: Explainer, contributions: Sequence[Contribution], draws: int = DRAWS, seed: int = 0) -> Deletion | None:
    """Leave out the parts that speak for the label, most first, and as many in random orders.

    Random orders are drawn from all parts, those that speak for the label included. None where none speaks for it, or there is
    one part only.
    """
    ranked = sorted((found for found in contributions if found.contribution > 0), key=lambda found: -found.contribution)
    most = min(len(ranked), MOST)
    if most == 0 or len(contributions) < 2:
        return None
    parts = [found.part for found in contributions]
    generator = np.random.default_rng(seed)
    orders = [[parts[index] for index in generator.permutation(len(parts))[:most]] for _ in range(draws)]
    orders.append([found.part for found in ranked[:most]])
    left = explainer.without([order[:count] for order in orders for count in range(1, most + 1)]).reshape(-1, most)
    return Deletion(explainer.probability, left[-1], left[:-1])


def summarise(deletions: Sequence[Deletion], seed: int = 0) -> DeletionSummary:
    """Means over utterances, at least one, each counting alike."""
    drops = np.array([[deletion.drop, deletion.random_drop] for deletion in deletions])
    differences = drops[:, 0] - drops[:, 1]
    resampled = np.random.default_rng(seed).integers(len(drops), size=(RESAMPLES, len(drops)))
    low, high = np.quantile(differences[resampled].mean(1), (0.025, 0.975))
    drop, random_drop = drops.mean(0)
    better = float((differences > 0).mean())
    return DeletionSummary(len(drops), float(drop), float(random_drop), (float(low), float(high)), better)
