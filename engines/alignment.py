"""A face cut out so that its eyes, nose and mouth come to lie where they always do."""

import numpy as np
from PIL import Image


def similarity(landmarks: np.ndarray, places: np.ndarray) -> tuple[complex, complex]:
    """`turn` and `shift` of the similarity that takes `places` [5, 2] nearest to `landmarks` [5, 2], by least squares.

    In complex numbers (Umeyama 1991): a place x + iy lies at `turn` · (x + iy) + `shift` in the picture; |`turn`| is how many of
    the picture's pixels are one of the crop.
    """
    to, found = places @ [1, 1j], landmarks.astype(np.float64) @ [1, 1j]
    centred = to - to.mean()
    turn = np.vdot(centred, found - found.mean()) / np.vdot(centred, centred)
    return complex(turn), complex(found.mean() - turn * to.mean())


def aligned(image: np.ndarray, landmarks: np.ndarray, places: np.ndarray, side: int) -> np.ndarray:
    """The face with `landmarks` (float32 [5, 2]) in `image` (uint8 [height, width, 3], RGB) as a grey uint8 [side, side].

    Its landmarks come as near to `places` [5, 2], in pixels of the crop, as turning, scaling and moving can bring them. Where the
    crop reaches past the picture, the border's pixels are continued.
    """
    turn, shift = similarity(landmarks, places)
    height, width = image.shape[:2]
    corners = turn * np.array([0, side, side * 1j, side * (1 + 1j)]) + shift
    left, right = _within(corners.real, width)
    top, bottom = _within(corners.imag, height)
    # A large face is shrunk first, or it would be sampled pixel by pixel.
    factor = max(1, int(abs(turn)))
    grey = np.asarray(Image.fromarray(image[top:bottom, left:right]).convert("L").reduce(factor), np.float32)
    centres = np.arange(side) + 0.5
    points = (turn * (centres + 1j * centres[:, None]) + shift - complex(left, top)) / factor - (0.5 + 0.5j)
    return np.rint(_sampled(grey, points)).astype(np.uint8)


def _within(reach: np.ndarray, length: int) -> tuple[int, int]:
    """First and last-but-one pixel of what `reach` spans of a picture's side of `length` pixels; at least one."""
    first = int(np.clip(reach.min() - 1, 0, length - 1))
    return first, max(first + 1, int(np.clip(reach.max() + 2, 0, length)))


def _sampled(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Brightness of `grey` float32 [height, width] at `points` complex [...], between pixels by bilinear interpolation."""
    across, down = (np.clip(part, 0, length - 1) for part, length in zip((points.real, points.imag), grey.shape[::-1], strict=True))
    x, y = across.astype(int), down.astype(int)
    beyond_x, beyond_y = np.minimum(x + 1, grey.shape[1] - 1), np.minimum(y + 1, grey.shape[0] - 1)
    above = grey[y, x] + (across - x) * (grey[y, beyond_x] - grey[y, x])
    below = grey[beyond_y, x] + (across - x) * (grey[beyond_y, beyond_x] - grey[beyond_y, x])
    return np.asarray(above + (down - y) * (below - above))
