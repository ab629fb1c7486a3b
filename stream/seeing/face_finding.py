"""Faces in the frames of one feed at little cost: looked for everywhere now and then, followed in between."""

from typing import Protocol

import numpy as np

from emotrack.engines.face_detection import DetectedFace


class Detector(Protocol):
    """What finds faces anywhere in a picture (dear), and follows known ones into the next (cheap)."""

    def detect(self, image: np.ndarray) -> list[DetectedFace]: ...

    def follow(self, image: np.ndarray, faces: list[DetectedFace]) -> list[DetectedFace]: ...


class FaceFinder:
    """Decides by stream time alone, so the same frames always give the same faces."""

    def __init__(self, detector: Detector, *, interval: float = 1.0, soonest: float = 0.4) -> None:
        """Look everywhere each `interval` seconds; where a face was lost or none is known, already after `soonest`."""
        self._detector = detector
        self._interval = interval
        self._soonest = soonest
        self._looked = -np.inf
        self._expected = 0
        self._faces: list[DetectedFace] = []

    def find(self, time: float, image: np.ndarray) -> list[DetectedFace]:
        """The faces in the frame `image` (uint8 [height, width, 3], RGB) taken at `time`, the largest first."""
        # The margin keeps a grid of frame times that divides the interval from slipping by a rounding error.
        waited = time - self._looked + 1e-6
        if waited < self._interval:
            self._faces = self._detector.follow(image, self._faces)
        known = self._expected > 0 and len(self._faces) == self._expected
        if waited >= (self._interval if known else self._soonest):
            self._faces = self._detector.detect(image)
            self._looked, self._expected = time, len(self._faces)
        return self._faces
