"""Figures of merit, by scikit-learn where it has them; it is imported when something is measured, for that
takes seconds."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

LEFT_OUT = ("fear", "disgust")
"""The classes of MELD that AM²-EmoJE's 5-class figures leave out."""
BINS = 15
"""Bins of confidence of the calibration error."""


class ClassFigures(BaseModel):
    """Of one class: scores in percent, and how many utterances have its label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    f1: float
    precision: float
    recall: float
    support: int


class Bin(BaseModel):
    """Labels of about one confidence: mean confidence, share that is right, share of all labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confidence: float
    accuracy: float
    share: float


class Figures(BaseModel):
    """What is reported of a set of labels; scores and accuracy in percent, the calibration error in [0, 1].

    `five_class_weighted_f1` is of the utterances that are neither fear nor disgust, named among the other
    five classes; None where the classes are not those seven. `confusion`: rows are labels, columns are what
    was named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weighted_f1: float
    macro_f1: float
    accuracy: float
    five_class_weighted_f1: float | None
    calibration_error: float
    utterances: int
    by_class: dict[str, ClassFigures]
    confusion: list[list[int]]
    reliability: list[Bin]


def figures(probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Figures:
    """All figures of probabilities [n, c] against labels int [n]."""
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    named = probabilities.argmax(axis=1)
    every = list(range(len(classes)))
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, named, labels=every, zero_division=0
    )
    return Figures(
        weighted_f1=weighted_f1(labels, named),
        macro_f1=percent(f1.mean()),
        accuracy=percent(accuracy_score(labels, named)),
        five_class_weighted_f1=_five_class(probabilities, labels, classes),
        calibration_error=round(expected_calibration_error(probabilities, labels), 4),
        utterances=len(labels),
        by_class={
            name: ClassFigures(
                f1=percent(f1[one]),
                precision=percent(precision[one]),
                recall=percent(recall[one]),
                support=int(support[one]),
            )
            for one, name in enumerate(classes)
        },
        confusion=confusion_matrix(labels, named, labels=every).tolist(),
        reliability=reliability(probabilities, labels),
    )


def percent(share: float) -> float:
    """A share as percent, to two places."""
    return round(100 * float(share), 2)


def weighted_f1(labels: np.ndarray, named: np.ndarray) -> float:
    """F1 of each class, averaged by its number of labels, in percent."""
    from sklearn.metrics import f1_score

    return percent(f1_score(labels, named, average="weighted", zero_division=0))


def _five_class(probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> float | None:
    if not set(LEFT_OUT) < set(classes):
        return None
    kept = np.array([name not in LEFT_OUT for name in classes])
    rows = kept[labels]
    return weighted_f1(labels[rows], np.where(kept, probabilities[rows], -1).argmax(axis=1))


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> list[Bin]:
    """The labels in equal bins of confidence, from the lowest; empty bins are left out. `probabilities` [n,
    c], `labels` [n]."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(
            confidence=float(confidence[here].mean()),
            accuracy=float(right[here].mean()),
            share=float(here.mean()),
        )
        for here in (place == one for one in range(bins))
        if here.any()
    ]


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Mean |accuracy − confidence| over the bins, weighted by their share (Guo et al., arXiv 1706.04599, Eq.
    3)."""
    return sum(
        abs(one.accuracy - one.confidence) * one.share for one in reliability(probabilities, labels, bins)
    )


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation, which a single value has none of."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def recall_by_class(labels: np.ndarray, named: np.ndarray, classes: Sequence[str]) -> Mapping[str, float]:
    """Percent of each class' labels that are named as it; classes without any are left out."""
    return {
        name: percent((named[labels == one] == one).mean())
        for one, name in enumerate(classes)
        if (labels == one).any()
    }
