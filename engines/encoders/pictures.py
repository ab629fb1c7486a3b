"""Pictures and boxes in them: how much boxes overlap and which of many stand for the same thing, and pictures
made smaller or larger as detectors see them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

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
    """Boxes whose edges went by `moves` [n, 4] of a side; `edge` is 1 where right and bottom are a box's last
    pixels, else 0."""
    sides = boxes[:, 2:] - boxes[:, :2] + edge
    found: np.ndarray = boxes + moves * np.concatenate([sides, sides], 1)
    return found


def intersection_over_union(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each of `boxes` with each of `others`, [n, m]."""
    shared = _shared(boxes, others)
    return _share(shared, _areas(boxes)[:, None] + _areas(others) - shared)


def intersection_over_smaller(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of the smaller that lies in the larger, [n, m]; right and bottom are the last pixels of a
    box."""
    boxes, others = boxes + _LAST_PIXELS, others + _LAST_PIXELS
    return _share(_shared(boxes, others), np.minimum(_areas(boxes)[:, None], _areas(others)))


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, threshold: float, overlap: Overlap = intersection_over_union
) -> np.ndarray:
    """Indices of the boxes to keep, best first: none overlaps a better one that is kept by more than
    `threshold`."""
    waiting = np.argsort(-scores, kind="stable")
    kept = [waiting[:0]]
    while len(waiting):
        block, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        block = block[_unsuppressed(np.triu(overlap(boxes[block], boxes[block]) > threshold, 1))]
        waiting = waiting[~(overlap(boxes[block], boxes[waiting]) > threshold).any(0)]
        kept.append(block)
    return np.concatenate(kept)


def _unsuppressed(suppresses: np.ndarray) -> np.ndarray:
    """Who stays, bool [n], where i drives out j if `suppresses[i, j]`, i < j, and i stays: said again until
    nothing changes."""
    stays = np.ones(len(suppresses), bool)
    while not np.array_equal(stays, found := ~np.any(suppresses[stays], axis=0)):
        stays = found
    return stays


def _shared(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    left, top, right, bottom = boxes.T[..., None]
    width = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
    height = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
    found: np.ndarray = np.maximum(width, 0) * np.maximum(height, 0)
    return found


def _areas(boxes: np.ndarray) -> np.ndarray:
    found: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return found


def _share(shared: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # nothing of nothing is no number, which no threshold lies below
        found: np.ndarray = shared / whole
        return found


_GREY = 114
"""What lies around the pictures from which YOLO networks learn."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A picture that was made to fit."""

    picture: np.ndarray
    """uint8 [height, width, 3]."""
    given: tuple[int, int]
    """Width and height of the picture as it was given, in pixels."""
    inner: tuple[int, int]
    """Width and height that it has within the grey."""
    corner: tuple[int, int]
    """Left and top of it within the grey."""

    def back(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes float32 [n, 4] in `picture` as boxes in the picture that was given, cut off at its sides."""
        given, inner, corner = (
            np.array(pair * 2, np.float32) for pair in (self.given, self.inner, self.corner)
        )
        return np.clip((boxes - corner) * (given / inner), 0, given)


def letterbox(image: np.ndarray, width: int, heights: tuple[int, ...]) -> Letterbox:
    """Fit `image`, uint8 [h, w, 3], into `width` by the greatest of the rising `heights`.

    Of the grey above and below it, as much is left out as a lesser height saves.
    """
    scale = min(width / image.shape[1], heights[-1] / image.shape[0])
    down, across = (max(1, round(side * scale)) for side in image.shape[:2])
    height = next(height for height in heights if height >= down)
    left, top = (width - across) // 2, (height - down) // 2
    picture = np.full((height, width, 3), _GREY, np.uint8)
    picture[top : top + down, left : left + across] = np.rint(
        _interpolate(_interpolate(image, 0, down), 1, across)
    )
    return Letterbox(picture, (image.shape[1], image.shape[0]), (across, down), (left, top))


def _interpolate(values: np.ndarray, axis: int, length: int) -> np.ndarray:
    """float32 `values` at `length` places along `axis`, each a mixture of its two neighbours.

    Of more than two, as image libraries mix where they make a picture smaller, the networks have not learnt.
    """
    count = values.shape[axis]
    places = np.clip((np.arange(length) + 0.5) * (count / length) - 0.5, 0, count - 1)
    before = places.astype(int)
    share = (places - before).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1 - axis))
    first = values.take(before, axis).astype(np.float32)
    mixed: np.ndarray = values.take(np.minimum(before + 1, count - 1), axis).astype(np.float32)
    mixed -= first
    mixed *= share
    mixed += first
    return mixed


_BITS = 21
"""Of one colour in a sum of all three, which is one integer: the table is made, and read, once for all
colours."""
_COLOUR = 2**_BITS - 1
LARGEST_MEAN = _COLOUR // 255
"""Pixels of the largest rectangle whose sum has room in its bits."""
_STRIP = 64
"""Rows that are worked on together, so that all in between stays in the processor's cache."""


class AreaSampling:
    """Means of one picture, as the networks take them: from -1 for black to 1 for white.

    Sizes at which a pixel stands for more than `LARGEST_MEAN` raise `ValueError`.
    """

    def __init__(self, image: np.ndarray) -> None:
        """`image`: uint8 [height, width, 3]."""
        self.height, self.width = image.shape[:2]
        # Sums over much of the picture overflow; their differences, which are all that is used, are right all
        # the same.
        self._sums = np.zeros((self.height + 1, self.width + 1), np.int64)
        inner = self._sums[1:, 1:]
        for strip in _strips(self.height):
            red, green, blue = image[strip].transpose(2, 0, 1)
            colours = red.astype(np.int64)
            for colour in (green, blue):
                colours <<= _BITS
                colours += colour
            np.cumsum(colours, axis=1, out=inner[strip])
        for above, row in pairwise(inner):
            row += above

    def resize(self, target: np.ndarray) -> None:
        """Fill `target`, float32 [3, height, width], with the whole picture."""
        _, height, width = target.shape
        top, bottom = (bins[0] for bins in _bins(np.array([0]), np.array([self.height]), height))
        left, right = (bins[0] for bins in _bins(np.array([0]), np.array([self.width]), width))
        for strip in _strips(height):
            rows = self._sums.take(bottom[strip], 0)
            rows -= self._sums.take(top[strip], 0)
            sums = rows.take(right, 1)
            sums -= rows.take(left, 1)
            _average(sums, (bottom - top)[strip, None], right - left, target[:, strip])

    def crops(self, edges: np.ndarray, size: int) -> np.ndarray:
        """Parts of the picture as float32 [n, 3, size, size]; `edges` int [n, 4] (left, top, right, bottom)
        lie in the picture."""
        left, right = (bins[:, None, :] for bins in _bins(edges[:, 0], edges[:, 2], size))
        top, bottom = (bins[:, :, None] for bins in _bins(edges[:, 1], edges[:, 3], size))
        entries, stride = self._sums.ravel(), self.width + 1
        sums = entries.take(bottom * stride + right)
        sums -= entries.take(bottom * stride + left)
        sums -= entries.take(top * stride + right)
        sums += entries.take(top * stride + left)
        crops = np.empty((len(edges), 3, size, size), np.float32)
        _average(sums, bottom - top, right - left, crops.swapaxes(0, 1))
        return crops


def _strips(height: int) -> Iterator[slice]:
    return (slice(start, start + _STRIP) for start in range(0, height, _STRIP))


def _bins(starts: np.ndarray, ends: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of `count` pixels that stand for `starts` to `ends` begins and ends, [n, count]; what is cut
    counts for both."""
    lengths, places = (ends - starts)[:, None], np.arange(count)
    return starts[:, None] + places * lengths // count, starts[:, None] - -(places + 1) * lengths // count


def _average(sums: np.ndarray, heights: np.ndarray, widths: np.ndarray, target: np.ndarray) -> None:
    """Fill `target` [3, ...] with means, from sums of all colours [...], which are used up, over rectangles
    of these sides."""
    if heights.max(initial=0) * widths.max(initial=0) > LARGEST_MEAN:
        raise ValueError(f"a pixel cannot stand for more than {LARGEST_MEAN} pixels")
    weights = (1 / heights).astype(np.float32) * (1 / 128 / widths).astype(np.float32)
    for plane in target[::-1]:
        plane[:] = sums & _COLOUR
        plane *= weights
        plane -= np.float32(127.5 / 128)
        sums >>= _BITS
