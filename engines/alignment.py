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
    # Further out there is nothing but border, however far the landmarks reach.
    across = np.clip([corners.real.min() - 1, corners.real.max() + 2], -width, 2 * width).astype(int)
    down = np.clip([corners.imag.min() - 1, corners.imag.max() + 2], -height, 2 * height).astype(int)
    columns, rows = np.arange(across[0], max(across[1], across[0] + 1)), np.arange(down[0], max(down[1], down[0] + 1))
    surroundings = image[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
    # A large face is shrunk first, or it would be sampled pixel by pixel.
    factor = max(1, int(abs(turn)))
    grey = Image.fromarray(surroundings).convert("L").reduce(factor)
    turn, shift = turn / factor, (shift - complex(across[0], down[0])) / factor
    matrix = (turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag)
    return np.asarray(grey.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
