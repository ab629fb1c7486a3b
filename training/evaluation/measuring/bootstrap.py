"""Intervals of the difference of two ways to label the same utterances, by a paired bootstrap over dialogues.

Utterances of a dialogue are not independent, so whole dialogues are drawn. Each dialogue enters as its
confusion matrix, which is all that weighted F1 needs: thousands of draws are then one product.
"""

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

DRAWS = 2_000
LEVEL = 0.95


class Interval(BaseModel):
    """A difference in points of weighted F1, and the bounds that hold 95 % of its bootstrap draws."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """Two labellings int [n] of the same utterances, their labels [n], and the number of each one's dialogue
    [n]."""

    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray
    dialogues: np.ndarray


def difference(pair: Paired, classes: int) -> Interval:
    """Weighted F1 of `first` minus `second`, with the interval that is due to the choice of the test's
    dialogues."""
    first, second = _by_dialogue(pair.first, pair, classes), _by_dialogue(pair.second, pair, classes)
    number = len(first)
    drawn = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), size=DRAWS)
    weights = np.concatenate([np.ones((1, number), int), drawn])
    gaps = weighted_f1_of(weights, first) - weighted_f1_of(weights, second)
    low, high = np.quantile(gaps[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(difference=round(float(gaps[0]), 2), low=round(float(low), 2), high=round(float(high), 2))


def _by_dialogue(named: np.ndarray, pair: Paired, classes: int) -> np.ndarray:
    """Confusion matrix of each dialogue, int [dialogues, c, c]; rows are labels."""
    names, place = np.unique(pair.dialogues, return_inverse=True)
    matrices = np.zeros((len(names), classes, classes), int)
    np.add.at(matrices, (place, pair.labels, named), 1)
    return matrices


def weighted_f1_of(weights: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Weighted F1 in percent for each row of `weights` int [r, dialogues], how often each dialogue is drawn;
    [r]."""
    sums = np.tensordot(weights, matrices, 1).astype(float)
    right, support, named = np.einsum("rcc->rc", sums), sums.sum(2), sums.sum(1)
    f1 = 2 * right / np.maximum(support + named, 1)
    found: np.ndarray = 100 * (f1 * support).sum(1) / np.maximum(support.sum(1), 1)
    return found
