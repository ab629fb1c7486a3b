"""Figures of merit, by scikit-learn where it has them."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from sklearn.metrics import accuracy_score, f1_score


class Figures(TypedDict):
    """What is reported of a set of labels; F1 scores and accuracy in percent, calibration error in [0, 1]."""

    weighted_f1: float
    macro_f1: float
    accuracy: float
    calibration_error: float
    f1_by_class: dict[str, float]


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean |accuracy − confidence| over equal bins of confidence, weighted by rows (Guo et al., arXiv 1706.04599, Eq. 3).

    `probabilities` [n, c], `labels` int [n].
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(float((right[place == one] - confidence[place == one]).sum())) for one in range(bins)]
    return sum(gaps) / len(labels)


def figures(probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Figures:
    """All figures of probabilities [n, c] against labels int [n]."""
    named = probabilities.argmax(axis=1)
    every = list(range(len(classes)))

    def f1(average: str | None) -> np.ndarray:
        return 100 * np.asarray(f1_score(labels, named, labels=every, average=average, zero_division=0))

    return {
        "weighted_f1": round(float(f1("weighted")), 2),
        "macro_f1": round(float(f1("macro")), 2),
        "accuracy": round(100 * float(accuracy_score(labels, named)), 2),
        "calibration_error": round(expected_calibration_error(probabilities, labels), 4),
        "f1_by_class": {name: round(float(score), 2) for name, score in zip(classes, f1(None), strict=True)},
    }
