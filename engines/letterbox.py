"""Pictures of any shape in the few shapes that a network takes: scaled as a whole, in the middle of grey."""

from dataclasses import dataclass

import numpy as np

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
        given, inner, corner = (np.array(pair * 2, np.float32) for pair in (self.given, self.inner, self.corner))
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
    picture[top : top + down, left : left + across] = np.rint(_interpolate(_interpolate(image, 0, down), 1, across))
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
    mixed = values.take(np.minimum(before + 1, count - 1), axis).astype(np.float32)
    mixed -= first
    mixed *= share
    mixed += first
    return mixed
