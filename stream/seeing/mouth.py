"""How much a mouth moves beyond the rest of its face, from two aligned looks at the same face.

A face is turned, scaled and moved onto fixed places for eyes, nose and mouth, so that a moving head stays put; what alignment
leaves over moves the whole face and is told by the part above the mouth.
"""

import numpy as np

from emotrack.engines.alignment import aligned

_SIZE = 48
# Where the eyes, the nose and the corners of the mouth come to lie, in pixels of the aligned face.
_PLACES = np.array([[15, 16], [33, 16], [24, 26], [17, 35], [31, 35]], np.float64)
_MOUTH = (slice(30, 44), slice(13, 35))
_REST = (slice(8, 28), slice(9, 39))


def aligned_face(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The face with `landmarks` [5, 2] in `image` (uint8 [height, width, 3]), its brightness normalised: float32 [48, 48]."""
    face = aligned(image, landmarks, _PLACES, _SIZE).astype(np.float32)
    return (face - face.mean()) / max(float(face.std()), 1.0)


def mouth_motion(before: np.ndarray, after: np.ndarray) -> float:
    """How far, in pixels of the aligned face, the mouth moved between two aligned faces beyond what the rest did; at least 0."""
    return max(0.0, _motion(before, after, _MOUTH) - _motion(before, after, _REST))


def _motion(before: np.ndarray, after: np.ndarray, part: tuple[slice, slice]) -> float:
    """Change of brightness over its slope: what a shift of so many pixels would bring about."""
    down, across = np.gradient((before + after) / 2)
    slope = np.hypot(down, across)[part].mean()
    return float(np.abs(after - before)[part].mean() / max(slope, 1e-3))
