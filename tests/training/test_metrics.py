"""Figures against small cases done by hand."""

import numpy as np
import pytest
import torch

from emotrack.training.evaluation import best_temperature
from emotrack.training.metrics import expected_calibration_error, figures


def test_figures_of_four_rows() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    result = figures(probabilities, np.array([0, 0, 1, 1]), ("calm", "cross"))
    # Class 0: precision 2/3, recall 1, F1 0.8. Class 1: precision 1, recall 1/2, F1 2/3.
    assert result["f1_by_class"] == {"calm": 80.0, "cross": 66.67}
    assert result["weighted_f1"] == pytest.approx(73.33)
    assert result["macro_f1"] == pytest.approx(73.33)
    assert result["accuracy"] == 75.0


def test_calibration_error() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    # Confidence 0.9 with one right of two: gap 0.4 for two rows; confidence 0.6 and right: gap 0.4 for one.
    assert expected_calibration_error(probabilities, np.array([0, 1, 1])) == pytest.approx(0.4)


def test_temperature_of_overconfident_logits() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4_000, 3)
    labels = torch.multinomial(torch.softmax(logits, 1), 1)[:, 0]
    assert best_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)
