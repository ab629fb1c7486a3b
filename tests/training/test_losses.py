"""Each term of the objective against a value worked out by hand."""

import math

import pytest
import torch

from emotrack.training.losses import focal, focal_over_modes, info_nce, jensen_shannon, reconstruction, soft_cross_entropy

HALF = torch.zeros(1, 2)
"""Logits that give each of two classes one half."""


def test_soft_cross_entropy() -> None:
    shares = torch.tensor([[0.25, 0.75]])
    logits = torch.tensor([[0.0, math.log(3)]])  # probabilities 1/4 and 3/4
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert soft_cross_entropy(logits, shares).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("gamma", "expected"), [(0.0, math.log(2)), (1.0, 0.5 * math.log(2)), (2.0, 0.25 * math.log(2))])
def test_focal(gamma: float, expected: float) -> None:
    assert focal(HALF, torch.tensor([0]), gamma).item() == pytest.approx(expected, abs=1e-6)


def test_focal_over_modes_counts_only_those_present() -> None:
    sure = torch.tensor([[0.0, math.log(3)]])  # probability 3/4 of class 1
    logits = {"text": torch.cat([HALF, HALF]), "audio": torch.cat([sure, sure]), "vision": torch.full((2, 2), torch.nan)}
    modes = torch.tensor([[True, True, False], [True, False, False]])
    labels = torch.tensor([1, 1])
    half, quarter = 0.5 * math.log(2), 0.25 * -math.log(0.75)
    expected = ((half + quarter) / 2 + half) / 2
    assert focal_over_modes(logits, modes, labels, 1.0).item() == pytest.approx(expected, abs=1e-6)


def test_focal_over_modes_of_nothing_is_zero() -> None:
    assert focal_over_modes({"text": HALF}, torch.tensor([[False]]), torch.tensor([0]), 1.0).item() == 0


def test_info_nce_of_orthogonal_pairs() -> None:
    rows = torch.eye(2)
    # Own pair: cosine 1; the other row: cosine 0; at temperature 1/2 the logits are 2 and 0.
    expected = -math.log(math.exp(2) / (math.exp(2) + 1))
    assert info_nce(rows, rows, torch.tensor([0, 1]), 0.5).item() == pytest.approx(expected, abs=1e-6)


def test_info_nce_has_no_negatives_of_the_same_label() -> None:
    rows = torch.eye(2)
    assert info_nce(rows, rows, torch.tensor([3, 3]), 0.5).item() == pytest.approx(0, abs=1e-6)


def test_jensen_shannon() -> None:
    sure = torch.tensor([[100.0, 0.0]])
    assert jensen_shannon(sure, sure, 1.0).item() == pytest.approx(0, abs=1e-6)
    one, two = torch.tensor([[0.0, math.log(3)]]), torch.tensor([[math.log(3), 0.0]])  # (1/4, 3/4) and (3/4, 1/4)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)  # the mean is (1/2, 1/2)
    assert jensen_shannon(one, two, 1.0).item() == pytest.approx(expected, abs=1e-6)
    assert jensen_shannon(one * 2, two * 2, 2.0).item() == pytest.approx(expected, abs=1e-6)


def test_jensen_shannon_is_finite_and_at_most_ln_2() -> None:
    one, two = torch.tensor([[200.0, 0.0]], requires_grad=True), torch.tensor([[0.0, 200.0]])
    value = jensen_shannon(one, two, 1.0)
    assert value.item() == pytest.approx(math.log(2), abs=1e-4)
    value.backward()
    assert one.grad is not None
    assert one.grad.isfinite().all()


def test_reconstruction_averages_over_missing_modes() -> None:
    target = torch.tensor([[[1.0, 2.0], [5.0, 5.0]]], requires_grad=True)
    restored = torch.tensor([[[0.0, 0.0], [0.0, 0.0]]])
    missing = torch.tensor([[True, False]])
    assert reconstruction(target, restored, missing).item() == pytest.approx(2.5)
    assert reconstruction(target, restored, ~missing & False).item() == 0
    assert not reconstruction(target, restored, missing).requires_grad
