"""Each loss against a value worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emotrack.training.loop.losses import (
    UNLABELLED,
    class_weights,
    focal,
    focal_over_modes,
    info_nce,
    jensen_shannon,
    reconstruction,
    soft_cross_entropy,
)

HALF = torch.zeros(1, 2)
"""Logits that give each of two classes one half."""
SURE = torch.tensor([[0.0, math.log(3)]])
"""Logits that give the classes one and three quarters."""


def test_class_weights_are_frequencies_to_a_power_and_one_on_average() -> None:
    labels = np.array([0, 0, 0, 0, 1, UNLABELLED, UNLABELLED])
    # Roots of 4 and 1: the rare class counts twice as much; (4·w + 2w)/5 = 1, so w = 5/6.
    assert class_weights(labels, 3, 0.5).tolist() == pytest.approx([5 / 6, 10 / 6, 0])
    # Inverse frequencies: both classes count the same in all, 4·w = 1·4w and 8w = 5.
    assert class_weights(labels, 2, 1.0).tolist() == pytest.approx([5 / 8, 5 / 2])
    assert class_weights(labels, 3, 0.0).tolist() == [1, 1, 0]


@given(st.lists(st.integers(-1, 4), min_size=1).filter(lambda labels: max(labels) >= 0), st.floats(0, 1))
def test_class_weights_leave_the_loss_as_large_as_it_was(labels: list[int], power: float) -> None:
    weights = class_weights(np.array(labels), 5, power)
    named = torch.tensor([label for label in labels if label != UNLABELLED])
    assert weights[named].mean().item() == pytest.approx(1, rel=1e-4)
    assert weights.isfinite().all()


def test_soft_cross_entropy() -> None:
    shares = torch.tensor([[0.25, 0.75]])
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert soft_cross_entropy(SURE, shares).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("gamma", "of_a_half", "of_a_quarter"),
    [
        (0.0, math.log(2), math.log(4)),
        (0.5, math.sqrt(0.5) * math.log(2), math.sqrt(0.75) * math.log(4)),
        (1.0, 0.5 * math.log(2), 0.75 * math.log(4)),
        (1.25, 0.5**1.25 * math.log(2), 0.75**1.25 * math.log(4)),
        (2.0, 0.25 * math.log(2), 0.5625 * math.log(4)),
    ],
)
def test_focal(gamma: float, of_a_half: float, of_a_quarter: float) -> None:
    losses = focal(torch.cat([HALF, SURE]), torch.tensor([0, 0]), gamma)
    assert losses.tolist() == pytest.approx([of_a_half, of_a_quarter], abs=1e-6)


def test_focal_over_modes_counts_only_those_present() -> None:
    logits = {
        "text": torch.cat([HALF, HALF]),
        "audio": torch.cat([SURE, SURE]),
        "vision": torch.full((2, 2), torch.nan),
    }
    modes = torch.tensor([[True, True, False], [True, False, False]])
    labels = torch.tensor([[1, 1, 1], [1, 0, 0]])
    half, quarter = 0.5 * math.log(2), 0.25 * -math.log(0.75)
    expected = ((half + quarter) / 2 + half) / 2
    assert focal_over_modes(logits, modes, labels, 1.0).item() == pytest.approx(expected, abs=1e-6)


def test_focal_over_modes_leaves_out_rows_of_nothing() -> None:
    logits = {"text": torch.cat([HALF, HALF])}
    some = torch.tensor([[True], [False]])
    assert focal_over_modes(logits, some, torch.tensor([[0], [0]]), 0.0).item() == pytest.approx(
        math.log(2), abs=1e-6
    )
    assert focal_over_modes({"text": HALF}, torch.tensor([[False]]), torch.tensor([[0]]), 1.0).item() == 0


def test_info_nce_of_orthogonal_pairs() -> None:
    rows = torch.eye(2)
    # Own pair: cosine 1; the other row: cosine 0; at temperature 1/2 the logits are 2 and 0.
    expected = -math.log(math.exp(2) / (math.exp(2) + 1))
    assert info_nce(rows, rows, torch.tensor([0, 1]), 0.5).item() == pytest.approx(expected, abs=1e-6)
    assert info_nce(rows * 7, rows * 3, torch.tensor([0, 1]), 0.5).item() == pytest.approx(expected, abs=1e-6)


def test_info_nce_is_taken_both_ways() -> None:
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    second = torch.tensor([[3.0, 4.0], [4.0, 3.0]])
    # Cosines 0.6 and 0.8 in the first row, 0.8 and 0.6 in the second: each row and each column prefers the
    # wrong one.
    expected = -math.log(math.exp(0.6) / (math.exp(0.6) + math.exp(0.8)))
    assert info_nce(first, second, torch.tensor([0, 1]), 1.0).item() == pytest.approx(expected, abs=1e-6)
    one_way = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    # Of the first kind each row finds 0.6 and 0.8; of the second each finds the same twice.
    rows = (math.log(1 + math.exp(0.2)) + math.log(1 + math.exp(-0.2))) / 2
    columns = math.log(2)
    assert info_nce(one_way, second, torch.tensor([0, 1]), 1.0).item() == pytest.approx(
        (rows + columns) / 2, abs=1e-6
    )


def test_info_nce_has_no_negatives_of_the_same_label() -> None:
    rows = torch.eye(2)
    assert info_nce(rows, rows, torch.tensor([3, 3]), 0.5).item() == pytest.approx(0, abs=1e-6)
    # Of three orthogonal rows the first two share a label: each has only the third beside itself, which has
    # both.
    one, two = math.log(1 + math.exp(-1)), math.log(1 + 2 * math.exp(-1))
    labels = torch.tensor([3, 3, 5])
    assert info_nce(torch.eye(3), torch.eye(3), labels, 1.0).item() == pytest.approx(
        (one + one + two) / 3, abs=1e-6
    )


def test_rows_of_the_same_label_do_not_move_each_other() -> None:
    first = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    info_nce(first, torch.eye(4)[:3], torch.tensor([3, 3, 3]), 0.1).backward()
    assert first.grad is not None
    assert (first.grad == 0).all()


def test_jensen_shannon() -> None:
    certain = torch.tensor([[100.0, 0.0]])
    assert jensen_shannon(certain, certain, 1.0).item() == pytest.approx(0, abs=1e-6)
    one, two = SURE, SURE.flip(1)  # (1/4, 3/4) and (3/4, 1/4), whose mean is (1/2, 1/2)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert jensen_shannon(one, two, 1.0).item() == pytest.approx(expected, abs=1e-6)
    assert jensen_shannon(one * 2, two * 2, 2.0).item() == pytest.approx(expected, abs=1e-6)
    both = torch.cat([one, certain]), torch.cat([two, certain])
    assert jensen_shannon(*both, 1.0).item() == pytest.approx(expected / 2, abs=1e-6), (
        "it is a mean over the rows"
    )


def test_jensen_shannon_is_finite_and_at_most_ln_2() -> None:
    one, two = torch.tensor([[200.0, 0.0]], requires_grad=True), torch.tensor([[0.0, 200.0]])
    value = jensen_shannon(one, two, 1.0)
    assert value.item() == pytest.approx(math.log(2), abs=1e-4)
    value.backward()
    assert one.grad is not None
    assert one.grad.isfinite().all()


def test_reconstruction_averages_over_missing_modes() -> None:
    target = torch.tensor([[[1.0, 2.0], [5.0, 5.0]]], requires_grad=True)
    restored = torch.zeros(1, 2, 2)
    missing = torch.tensor([[True, False]])
    assert reconstruction(target, restored, missing).item() == pytest.approx((1 + 4) / 2)
    assert reconstruction(target, restored, missing | True).item() == pytest.approx(
        ((1 + 4) / 2 + (25 + 25) / 2) / 2
    )
    assert reconstruction(target, restored, ~missing & False).item() == 0
    assert not reconstruction(target, restored, missing).requires_grad
