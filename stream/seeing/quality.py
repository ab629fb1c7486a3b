"""How well a face can be read: how large it is, how sharp, how far it is turned, and how much of it shows.

A face that is none of the ones that the expression network was measured to read is left out, and the message says why.
"""

from dataclasses import dataclass

import numpy as np

from emotrack.engines.alignment import similarity
from emotrack.engines.face import PLACES
from emotrack.model.formats import FACE_SIZE

SMALLEST = 16.0
BLURRED = 0.05
TURNED = 0.35
COVERED = 0.1


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """One face in one picture."""

    size: float
    """Pixels of the picture that a side of its crop takes: of a grown person about 1.2 times the width of the face."""
    sharpness: float
    """Spread of what a blur by three pixels takes from the crop, over the spread of the crop."""
    turn: float
    """How far the tip of the nose is off the middle between the eyes, along their line, in distances between the eyes."""
    shown: float
    """The spread of the part that shows least (eyes or mouth) over that of the crop; 0 where something plain is before it."""

    @property
    def obstacle(self) -> str | None:
        """Why its expression cannot be read, or None."""
        if self.size < SMALLEST:
            return "face too small"
        if self.turn > TURNED:
            return "face turned away"
        if self.shown < COVERED:
            return "face covered"
        return "face blurred" if self.sharpness < BLURRED else None


def quality_of(crop: np.ndarray, landmarks: np.ndarray) -> FaceQuality:
    """The quality of a face with `landmarks` (float32 [5, 2], pixels of its picture) that was cut out as `crop`, uint8 [48, 48]."""
    grey = crop.astype(np.float32)
    spread = max(float(grey.std()), 1.0)
    fine = grey[1:-1, 1:-1] - _blurred(grey)
    parts = [float(grey[part].std()) for part in (_EYES, _MOUTH)]
    return FaceQuality(
        size=abs(similarity(landmarks, PLACES)[0]) * FACE_SIZE,
        sharpness=float(fine.std()) / spread,
        turn=turn_of(landmarks),
        shown=min(parts) / spread,
    )


def turn_of(landmarks: np.ndarray) -> float:
    """See `FaceQuality.turn`; as far as can be where both eyes are found in one place."""
    left, right, nose = landmarks[:3].astype(np.float64)
    line = right - left
    distance = float(line @ line)
    return abs(float((nose - (left + right) / 2) @ line)) / max(distance, 1e-6)


_EYES = (slice(13, 24), slice(9, 39))
_MOUTH = (slice(32, 44), slice(13, 35))


def _blurred(grey: np.ndarray) -> np.ndarray:
    """Means of 3x3 pixels, without the border."""
    rows = grey[:-2] + grey[1:-1] + grey[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9)
