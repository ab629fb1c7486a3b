"""Pictures made smaller or larger as MTCNN sees them: each pixel is the mean of the rectangle that it stands for.

That is torch's interpolation by area. One table of sums (Crow 1984), made once a picture, gives any mean from four of its entries,
so that every size of the picture and every crop costs little, however large the rectangles are.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

_BITS = 21
"""Of one colour in a sum of all three, which is one integer: the table is made, and read, once for all colours."""
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
        # Sums over much of the picture overflow; their differences, which are all that is used, are right all the same.
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
        """Parts of the picture as float32 [n, 3, size, size]; `edges` int [n, 4] (left, top, right, bottom) lie in the picture."""
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
    """Where each of `count` pixels that stand for `starts` to `ends` begins and ends, [n, count]; what is cut counts for both."""
    lengths, places = (ends - starts)[:, None], np.arange(count)
    return starts[:, None] + places * lengths // count, starts[:, None] - -(places + 1) * lengths // count


def _average(sums: np.ndarray, heights: np.ndarray, widths: np.ndarray, target: np.ndarray) -> None:
    """Fill `target` [3, ...] with means, from sums of all colours [...], which are used up, over rectangles of these sides."""
    if heights.max(initial=0) * widths.max(initial=0) > LARGEST_MEAN:
        raise ValueError(f"a pixel cannot stand for more than {LARGEST_MEAN} pixels")
    weights = (1 / heights).astype(np.float32) * (1 / 128 / widths).astype(np.float32)
    for plane in target[::-1]:
        plane[:] = sums & _COLOUR
        plane *= weights
        plane -= np.float32(127.5 / 128)
        sums >>= _BITS
