"""Which boxes stay is what torchvision and facenet-pytorch say, for few and for many of them."""

import numpy as np
import pytest
import torch
from facenet_pytorch.models.utils.detect_face import bbreg, nms_numpy, rerec
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import nms

from emotrack.engines.encoders.pictures import (
    intersection_over_smaller,
    moved,
    non_maximum_suppression,
    squares,
)

COUNTS = st.one_of(st.integers(0, 6), st.integers(0, 400))
SEEDS = st.integers(0, 10**6)
THRESHOLDS = (0.0, 0.30001, 0.5, 0.70001)
"""No share of boxes on whole pixels is one of those that float32 rounds, whose side differs between
torchvision's releases."""


def boxes(count: int, seed: int, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """Boxes, on whole pixels or not, with scores that are all different."""
    random = np.random.default_rng(seed)
    corners, sides = random.uniform(-20, 300, (count, 2)), random.uniform(0, 150, (count, 2))
    found = np.concatenate([corners, corners + sides], 1).astype(np.float32)
    return np.floor(found) if whole else found, (random.permutation(count) / max(1, count)).astype(np.float32)


@given(COUNTS, SEEDS, st.booleans(), st.sampled_from(THRESHOLDS))
def test_who_overlaps_too_much_goes(count: int, seed: int, whole: bool, threshold: float) -> None:
    given_boxes, scores = boxes(count, seed, whole)
    expected = nms(torch.from_numpy(given_boxes), torch.from_numpy(scores), threshold)
    assert non_maximum_suppression(given_boxes, scores, threshold).tolist() == expected.tolist()


@given(COUNTS, SEEDS, st.booleans())
def test_who_lies_in_another_goes(count: int, seed: int, whole: bool) -> None:
    given_boxes, scores = boxes(count, seed, whole)
    expected = nms_numpy(given_boxes, scores, 0.7, "Min") if count else np.zeros(0)
    assert (
        non_maximum_suppression(given_boxes, scores, 0.7, intersection_over_smaller).tolist()
        == expected.tolist()
    )


def test_of_equal_scores_the_first_stays() -> None:
    same = np.array([[0, 0, 10, 10]] * 300, np.float32)
    assert non_maximum_suppression(same, np.ones(300, np.float32), 0.5).tolist() == [0]


@pytest.mark.parametrize("count", [0, 1, 50])
def test_squares_and_moves_are_mtcnn_s(count: int) -> None:
    given_boxes, _ = boxes(count, 0, whole=False)
    moves = np.random.default_rng(1).normal(size=(count, 4)).astype(np.float32)
    assert np.array_equal(squares(given_boxes), rerec(torch.from_numpy(given_boxes.copy())).numpy())
    assert np.array_equal(
        moved(given_boxes, moves, edge=1),
        bbreg(torch.from_numpy(given_boxes.copy()), torch.from_numpy(moves)).numpy(),
    )
