"""Figures against small cases done by hand."""

import numpy as np
import pytest
import torch

from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.loop.metrics import (
    expected_calibration_error,
    figures,
    mean_and_deviation,
    recall_by_class,
)
from emotrack.training.tasks.network.evaluation import best_temperature


def test_figures_of_four_rows() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    result = figures(probabilities, np.array([0, 0, 1, 1]), ("calm", "cross"))
    # Class 0: precision 2/3, recall 1, F1 0.8. Class 1: precision 1, recall 1/2, F1 2/3.
    calm, cross = result.by_class["calm"], result.by_class["cross"]
    assert (calm.f1, calm.precision, calm.recall, calm.support) == (80.0, 66.67, 100.0, 2)
    assert (cross.f1, cross.precision, cross.recall, cross.support) == (66.67, 100.0, 50.0, 2)
    assert result.weighted_f1 == pytest.approx(73.33)
    assert result.macro_f1 == pytest.approx(73.33)
    assert result.accuracy == 75.0
    assert result.confusion == [[2, 0], [1, 1]]
    assert result.five_class_weighted_f1 is None


def test_five_classes_leave_fear_and_disgust_out() -> None:
    joy, fear, disgust = (MELD_CLASSES.index(name) for name in ("joy", "fear", "disgust"))
    probabilities = np.full((3, 7), 0.01)
    probabilities[0, fear], probabilities[0, joy] = 0.6, 0.3  # joy, named fear: the best of the five is joy
    probabilities[1, joy] = 0.9
    probabilities[2, joy] = 0.9  # a disgust, which does not count
    assert figures(probabilities, np.array([joy, joy, disgust]), MELD_CLASSES).five_class_weighted_f1 == 100.0
    assert figures(probabilities, np.array([joy, joy, disgust]), MELD_CLASSES).weighted_f1 < 100.0


def test_calibration_error() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    # Confidence 0.9 with one right of two: gap 0.4 for two rows; confidence 0.6 and right: gap 0.4 for one.
    assert expected_calibration_error(probabilities, np.array([0, 1, 1])) == pytest.approx(0.4)


def test_mean_and_deviation() -> None:
    assert mean_and_deviation([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert mean_and_deviation([2.0]) == (2.0, None)


def test_recall_of_classes_that_occur() -> None:
    assert recall_by_class(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b", "c")) == {
        "a": 50.0,
        "b": 100.0,
    }


def test_temperature_of_overconfident_logits() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4_000, 3)
    labels = torch.multinomial(torch.softmax(logits, 1), 1)[:, 0]
    assert best_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)
