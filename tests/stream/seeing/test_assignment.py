"""The pairs of faces and tracks that go best together are those of the general solution."""

import time

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from emotrack.stream.seeing.faces import best_pairs


@pytest.mark.parametrize("density", [0.1, 0.3, 0.6])
def test_pairs_are_the_best_there_are(density: float) -> None:
    random = np.random.default_rng(3)
    for _ in range(200):
        shape = tuple(random.integers(1, 7, 2))
        values, allowed = random.uniform(0.1, 2, shape), random.uniform(size=shape) < density
        rows, columns = linear_sum_assignment(np.where(allowed, values, 0.0), maximize=True)
        expected = [
            (row, column)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
            if allowed[row, column]
        ]
        assert best_pairs(values, allowed) == expected


def test_nothing_that_may_be_paired_gives_no_pairs() -> None:
    assert best_pairs(np.ones((3, 2)), np.zeros((3, 2), bool)) == []
    assert best_pairs(np.ones((0, 0)), np.zeros((0, 0), bool)) == []


def test_a_crowd_takes_no_time() -> None:
    """Eight faces, each in the place of four tracks."""
    allowed = np.kron(np.eye(8, dtype=bool), np.ones((1, 4), bool))
    began = time.perf_counter()
    assert best_pairs(np.ones((8, 32)), allowed) == [(face, 4 * face) for face in range(8)]
    assert time.perf_counter() - began < 0.5
