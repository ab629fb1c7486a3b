"""Boxes in pictures, float32 [n, 4] (left, top, right, bottom): their shapes, how much they overlap, which of many to keep."""

from collections.abc import Callable

import numpy as np

Overlap = Callable[[np.ndarray, np.ndarray], np.ndarray]
_AT_ONCE = 128
_LAST_PIXELS = np.array([0, 0, 1, 1], np.float32)
"""What boxes gain that end behind their last pixels."""


def squares(boxes: np.ndarray) -> np.ndarray:
    """Squares about the same centres, as large as the longer sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(1, keepdims=True)
    corners = boxes[:, :2] + sides * 0.5 - longer * 0.5
    return np.concatenate([corners, corners + longer], 1)


def moved(boxes: np.ndarray, moves: np.ndarray, edge: int = 0) -> np.ndarray:
    """Boxes whose edges went by `moves` [n, 4] of a side; `edge` is 1 where right and bottom are a box's last pixels, else 0."""
    sides = boxes[:, 2:] - boxes[:, :2] + edge
    return boxes + moves * np.concatenate([sides, sides], 1)


def intersection_over_union(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each of `boxes` with each of `others`, [n, m]."""
    shared = _shared(boxes, others)
    return _share(shared, _areas(boxes)[:, None] + _areas(others) - shared)


def intersection_over_smaller(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of the smaller that lies in the larger, [n, m]; right and bottom are the last pixels of a box."""
    boxes, others = boxes + _LAST_PIXELS, others + _LAST_PIXELS
    return _share(_shared(boxes, others), np.minimum(_areas(boxes)[:, None], _areas(others)))


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, threshold: float, overlap: Overlap = intersection_over_union
) -> np.ndarray:
    """Indices of the boxes to keep, best first: none overlaps a better one that is kept by more than `threshold`."""
    waiting = np.argsort(-scores, kind="stable")
    kept = [waiting[:0]]
    while len(waiting):
        block, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        block = block[_unsuppressed(np.triu(overlap(boxes[block], boxes[block]) > threshold, 1))]
        waiting = waiting[~(overlap(boxes[block], boxes[waiting]) > threshold).any(0)]
        kept.append(block)
    return np.concatenate(kept)


def _unsuppressed(suppresses: np.ndarray) -> np.ndarray:
    """Who stays, bool [n], where i drives out j if `suppresses[i, j]`, i < j, and i stays: said again until nothing changes."""
    stays = np.ones(len(suppresses), bool)
    while not np.array_equal(stays, found := ~np.any(suppresses[stays], axis=0)):
        stays = found
    return stays


def _shared(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    left, top, right, bottom = boxes.T[..., None]
    width = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
    height = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
    return np.maximum(width, 0) * np.maximum(height, 0)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _share(shared: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # nothing of nothing is no number, which no threshold lies below
        return shared / whole
