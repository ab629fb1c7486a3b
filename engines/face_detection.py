"""Faces in a picture by MTCNN (Zhang et al. 2016, facenet-pytorch's weights), and faces followed from one picture to the next.

Finding faces anywhere is dear (P-net looks at every place and size); asking O-net alone where a known face went costs about a
millisecond. The first is for now and then, the second for every picture in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from emotrack.engines.area_sampling import AreaSampling
from emotrack.engines.boxes import intersection_over_smaller, moved, non_maximum_suppression, squares
from emotrack.engines.engine import Runs, run_in_parts
from emotrack.engines.face_networks import AT_ONCE, FINAL, REFINED, face_detection_specs
from emotrack.engines.face_proposals import propose
from emotrack.engines.pool import EnginePool

_REFINED_PROBABILITY = 0.7
_SAME_PLACE = 0.7
"""Overlap above which two boxes that a network found are one."""
_SAME_FACE = 0.5
"""Boxes that overlap more than this (intersection over union) are one face."""


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in a picture."""

    box: np.ndarray
    """float32 [4]: left, top, right, bottom in pixels of the picture; may reach past its borders."""
    probability: float
    landmarks: np.ndarray
    """float32 [5, 2]: x, y of the eyes (the one on the picture's left first), nose, mouth corners (left first)."""

    @property
    def area(self) -> float:
        """Pixels that the box covers."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


class FaceDetector:
    """MTCNN at a bounded working size; the same picture always gives the same faces."""

    def __init__(
        self,
        pnet: Runs,
        rnet: Runs,
        onet: Runs,
        *,
        working_size: int = 960,
        minimum_face: int = 20,
        probability: float = 0.95,
        maximum_faces: int = 8,
    ) -> None:
        """`pnet`, `rnet`, `onet`: engines of `face_detection_specs`.

        Pictures are scaled down to `working_size` pixels on the long side, of which `minimum_face` may be a 49th or more.
        """
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self._working_size = working_size
        self._minimum_face = minimum_face
        self._probability = probability
        self._maximum_faces = maximum_faces

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """All faces in `image` (uint8 [height, width, 3], RGB), the largest first."""
        picture, scale = self._scaled(image)
        sampling = AreaSampling(picture)
        found, edges = _inside(self._refined(sampling, propose(self._pnet, sampling, self._minimum_face)), picture.shape)
        if not len(found):
            return []
        boxes, probabilities, landmarks = self._judged(found, sampling.crops(edges, FINAL))
        likely = np.flatnonzero(probabilities > self._probability)
        kept = likely[non_maximum_suppression(boxes[likely], probabilities[likely], _SAME_PLACE, intersection_over_smaller)]
        return self._faces(boxes[kept] / scale, probabilities[kept], landmarks[kept] / scale)

    def follow(self, image: np.ndarray, faces: Sequence[DetectedFace]) -> list[DetectedFace]:
        """Where `faces` of a picture a moment ago are in `image`; one that moved far, or went, is left out."""
        if not faces:
            return []
        picture, scale = self._scaled(image)
        found, edges = _inside(squares(np.stack([face.box for face in faces]) * scale), picture.shape)
        if not len(found):
            return []
        crops = np.empty((len(found), 3, FINAL, FINAL), np.float32)
        for crop, (left, top, right, bottom) in zip(crops, edges, strict=True):
            AreaSampling(picture[top:bottom, left:right]).resize(crop)
        boxes, probabilities, landmarks = self._judged(found, crops)
        return self._faces(boxes / scale, probabilities, landmarks / scale)

    def _scaled(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        height, width = image.shape[:2]
        scale = min(1.0, self._working_size / max(height, width))
        if scale == 1.0:
            return image, scale
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)), scale

    def _refined(self, picture: AreaSampling, proposed: np.ndarray) -> np.ndarray:
        """Squares [n, 4] that may hold faces, of those in which R-net sees some."""
        proposed, edges = _inside(proposed, (picture.height, picture.width))
        if not len(proposed):
            return proposed
        found = run_in_parts(self._rnet, "crops", picture.crops(edges, REFINED), AT_ONCE)
        likely = np.flatnonzero(found["probabilities"] > _REFINED_PROBABILITY)
        kept = likely[non_maximum_suppression(proposed[likely], found["probabilities"][likely], _SAME_PLACE)]
        return squares(moved(proposed[kept], found["moves"][kept], edge=1))

    def _judged(self, places: np.ndarray, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes [n, 4], probabilities [n] and landmarks [n, 5, 2] of what O-net sees in crops of `places` [n, 4]."""
        found = run_in_parts(self._onet, "crops", crops, AT_ONCE)
        sides = places[:, 2:] - places[:, :2] + 1
        landmarks = found["landmarks"].swapaxes(1, 2) * sides[:, None] + places[:, None, :2] - 1
        return moved(places, found["moves"], edge=1), found["probabilities"], landmarks

    def _faces(self, boxes: np.ndarray, probabilities: np.ndarray, landmarks: np.ndarray) -> list[DetectedFace]:
        faces = [
            DetectedFace(boxes[index], float(probabilities[index]), landmarks[index])
            for index in non_maximum_suppression(boxes, probabilities, _SAME_FACE)
            if probabilities[index] >= self._probability
        ]
        faces.sort(key=lambda face: (-face.area, face.box[0], face.box[1]))
        return faces[: self._maximum_faces]


def open_face_detector(pool: EnginePool) -> FaceDetector:
    """A detector on the pool's engines. Raises `UserError` where one cannot be had as the settings ask for it."""
    pnet, rnet, onet = (pool.engine(spec) for spec in face_detection_specs())
    return FaceDetector(pnet, rnet, onet)


def _inside(places: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Those of `places` [n, 4] that reach into a picture, and what they have of it: int [n, 4], left, top, right, bottom.

    MTCNN counts pixels from 1, and the last ones belong to a box.
    """
    edges = places.astype(np.int64)
    edges[:, :2] = np.maximum(edges[:, :2], 1) - 1
    edges[:, 2:] = np.minimum(edges[:, 2:], shape[1::-1])
    inside = (edges[:, 2:] > edges[:, :2]).all(1)
    return places[inside], edges[inside]
