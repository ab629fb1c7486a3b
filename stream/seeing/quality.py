"""How well a face can be read: how large it is, how sharp, how far it is turned, and how much of it shows.

A face that the expression network was measured to misread is left out, and the message says why. Measured
with the shipped network on pictures of FER+ valid that a majority names and MTCNN finds (89 % named rightly,
200 pictures), degraded by drawing.
"""

from dataclasses import dataclass

import numpy as np

from emotrack.engines.encoders.face.expression import PLACES, similarity
from emotrack.model.formats import FACE_SIZE

SMALLEST = 16.0
"""Of faces of 20 pixels 78 % are named rightly, of 16 pixels 68 %, of 12 pixels 51 %."""
BLURRED = 0.05
"""Faces enlarged from 14 pixels have it (61 % named rightly), those blurred by 1.5 pixels of the crop less
(66 %); of those that nobody degraded, one in a hundred has under 0.07."""
TURNED = 0.35
"""Beyond it 24 % of posed faces are named rightly; of those in FER+ that turn as far and are found, still 86
% of 59."""
COVERED = 0.15
"""With something plain below the nose 50 % are named rightly, before the mouth alone 62 %, before the eyes
alone 69 %; of 680 faces that show all but the least have 0.24. Hands and scarves, which are not plain, are
not told from faces."""


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """One face in one picture."""

    size: float
    """Pixels of the picture that a side of its crop takes: of a grown person about 1.2 times the width of the
    face."""
    sharpness: float
    """Spread of what a blur by three pixels takes from the crop, over the spread of the crop."""
    turn: float
    """How far the tip of the nose is off the middle between the eyes, along their line, in distances between
    the eyes."""
    shown: float
    """The spread of the part that shows least (eyes or mouth) over that of the crop; 0 where something plain
    is before it."""

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
    """The quality of a face with `landmarks` (float32 [5, 2], pixels of its picture) that was cut out as
    `crop`, uint8 [48, 48]."""
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
