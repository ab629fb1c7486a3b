"""Faces made unrecognisable before anything else sees a picture, for those who want to be seen by their
bodies alone."""

from typing import Protocol

import numpy as np
from PIL import Image

from emotrack.engines.encoders.face.detection import DetectedFace

MARGIN = 0.3
"""How far beyond its box, in box sizes, a face is hidden: detectors leave out foreheads and chins."""
CELLS = 4
"""What is left of a face: so many shades across and down."""
RIM = 0.2
"""Part of the oval's radius over which it passes into the picture: with hard edges, or as a rectangle,
networks take what they see for no person any more (of the interview's two, 6 to 88 % are found; so all
are)."""
MEMORY = 2.0
"""Seconds for which the place of a face stays hidden when it is not found any more: it may only have turned
away."""


class FaceDetector(Protocol):
    """Finds the faces in a picture."""

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """Those in `image` (uint8 [height, width, 3], RGB)."""
        ...


class FaceHider:
    """Hides the faces of one feed."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector
        self._places: list[tuple[float, np.ndarray]] = []
        """Where faces were, and when."""
        self._shape: tuple[int, ...] = ()

    def hide(self, time: float, image: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """The picture `image` (uint8 [height, width, 3], RGB) taken at `time` without its faces, and where
        these are: float32 [4] each, left, top, right, bottom in pixels."""
        if image.shape != self._shape:  # places in a picture of another size mean nothing
            self._shape, self._places = image.shape, []
        found = [face.box for face in self._detector.detect(image)]
        self._places = [(seen, place) for seen, place in self._places if time - seen <= MEMORY]
        self._places += [(time, box) for box in found]
        return hidden(image, [place for _, place in self._places]), found


def hidden(image: np.ndarray, faces: list[np.ndarray]) -> np.ndarray:
    """A copy of the picture in which of each of `faces` (left, top, right, bottom) nothing is left but a few
    shades."""
    copy: np.ndarray = image.copy()
    height, width = image.shape[:2]
    for face in faces:
        margin = MARGIN * (face[2:] - face[:2])
        left, top = np.clip(np.floor(face[:2] - margin), 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(face[2:] + margin), 0, (width, height)).astype(int)
        if left < right and top < bottom:
            part = copy[top:bottom, left:right]
            shades = Image.fromarray(part).resize((CELLS, CELLS), Image.Resampling.BOX)
            smooth = np.asarray(shades.resize((right - left, bottom - top), Image.Resampling.BILINEAR))
            share = _oval(bottom - top, right - left)[..., None]
            part[:] = np.rint(share * smooth + (1 - share) * part)
    return copy


def _oval(height: int, width: int) -> np.ndarray:
    """1 within an oval that fills the rectangle, 0 outside, in between on its rim: [height, width]."""
    down = 2 * (np.arange(height) + 0.5) / height - 1
    across = 2 * (np.arange(width) + 0.5) / width - 1
    found: np.ndarray = np.clip((1 - np.hypot(down[:, None], across)) / RIM, 0, 1)
    return found
