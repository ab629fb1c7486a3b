"""Where faces may be: P-net looks at every place of a picture in each of many sizes."""

from collections.abc import Iterator

import numpy as np

from emotrack.engines.area_sampling import AreaSampling
from emotrack.engines.boxes import moved, non_maximum_suppression, squares
from emotrack.engines.engine import Runs

_WINDOW, _STRIDE = 12, 2
"""Pixels along a side of what P-net looks at, and from one such window to the next."""
_SHRINKING = 0.709
"""From one size of the picture to the next, which has about half as many pixels."""
_PROBABILITY = 0.6
_SAME_AT_ONE_SIZE, _SAME = 0.5, 0.7
"""Intersections over union above which two windows show the same."""


def propose(network: Runs, picture: AreaSampling, minimum_face: int) -> np.ndarray:
    """Squares float32 [n, 4] that may hold faces of `minimum_face` pixels or more, most probable first."""
    found = [_look(network, picture, scale) for scale in _scales(min(picture.height, picture.width), minimum_face)]
    if not found:
        return np.zeros((0, 4), np.float32)
    boxes, probabilities, moves = (np.concatenate(part) for part in zip(*found, strict=True))
    kept = non_maximum_suppression(boxes, probabilities, _SAME)
    return squares(moved(boxes[kept], moves[kept]))


def _scales(side: int, minimum_face: int) -> Iterator[float]:
    """Sizes at which to look at a picture whose shorter side has so many pixels."""
    scale = _WINDOW / minimum_face
    left = side * scale
    while left >= _WINDOW:
        yield scale
        scale *= _SHRINKING
        left *= _SHRINKING


def _look(network: Runs, picture: AreaSampling, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes [n, 4], probabilities [n] and moves [n, 4] of the windows that may show a face at one size of the picture."""
    height, width = int(picture.height * scale + 1), int(picture.width * scale + 1)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    pixels = np.zeros((4, 2 * rows, 2 * columns), np.float32)
    picture.resize(pixels[:3, :height, :width])
    pixels[3, height:] = pixels[3, :, width:] = 1
    found = network.run(pixels=pixels.reshape(1, 4, rows, 2, columns, 2))
    down, across = np.nonzero(found["probabilities"][0] >= _PROBABILITY)
    probabilities, moves = found["probabilities"][0, down, across], found["moves"][0, :, down, across]
    corners = _STRIDE * np.stack([across, down], 1).astype(np.float32)
    boxes = np.floor(np.concatenate([corners + 1, corners + _WINDOW], 1) / scale)
    kept = non_maximum_suppression(boxes, probabilities, _SAME_AT_ONE_SIZE)
    return boxes[kept], probabilities[kept], moves[kept]
