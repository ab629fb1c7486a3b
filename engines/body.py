"""Bodies in a picture: persons found by a YOLO network, described without their faces.

The description is made by hand, so that it is the same for every YOLO file, ONNX or PyTorch: where the person is and how large,
where the face lies in the box, and how edges run in a coarse grid over the box once the face is painted over (histograms of
oriented gradients, Dalal and Triggs 2005, with block normalisation over the whole box).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from emotrack.engines.person_detection import PersonDetector
from emotrack.engines.person_networks import person_network, person_spec
from emotrack.engines.pool import EnginePool

_WIDTH, _HEIGHT, _CELL = 48, 96, 16
_ORIENTATIONS = 8
_FACE_MARGIN = 0.25
"""How far beyond its box, in box sizes, a face is painted over: hair and chin go with it."""


@dataclass(frozen=True, slots=True)
class DescribedBody:
    """One person in a picture."""

    box: np.ndarray
    """float32 [4]: left, top, right, bottom in pixels of the picture."""
    probability: float
    descriptor: np.ndarray
    """float32 [BodyEncoder.dim]."""


class BodyEncoder:
    """Finds and describes the people in a picture; the same picture always gives the same bodies."""

    dim = 9 + (_WIDTH // _CELL) * (_HEIGHT // _CELL) * _ORIENTATIONS

    def __init__(self, detector: PersonDetector, *, maximum_bodies: int = 8) -> None:
        """`maximum_bodies`: of more people than that, only the largest are described."""
        self._detector = detector
        self._maximum_bodies = maximum_bodies

    def describe(self, image: np.ndarray, faces: Sequence[np.ndarray]) -> list[DescribedBody]:
        """The people in `image` (uint8 [height, width, 3], RGB), the largest first; `faces` are the face boxes in it."""
        found = self.boxes(image)
        owners = match_faces([box for box, _ in found], faces)
        return [
            DescribedBody(box, probability, describe_body(image, box, faces, owner))
            for (box, probability), owner in zip(found, owners, strict=True)
        ]

    def boxes(self, image: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Box (float32 [4]) and probability of every person in `image`, the largest first."""
        boxes, probabilities = self._detector.boxes(image)
        sizes = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        order = np.lexsort((boxes[:, 0], -sizes))[: self._maximum_bodies]
        return [(boxes[index], float(probabilities[index])) for index in order]


def open_body(pool: EnginePool, weights: Path) -> BodyEncoder:
    """Describes the people that the network in `weights` finds: an .onnx or .pt file (only a .pt that you trust).

    Raises `UserError` where the file is missing or holds something else, where ultralytics is missing that a .pt needs, and where
    nothing can run it as the settings ask for.
    """
    return BodyEncoder(PersonDetector(person_network(pool.engine(person_spec(weights)), weights)))


def match_faces(bodies: Sequence[np.ndarray], faces: Sequence[np.ndarray]) -> list[int | None]:
    """For each person box the face box inside it nearest to the middle of its top, by index; no face has two bodies."""
    owners: list[int | None] = [None] * len(bodies)
    distances = []
    for body, (left, top, right, bottom) in enumerate(bodies):
        for index, face in enumerate(faces):
            x, y = (face[:2] + face[2:]) / 2
            if left <= x <= right and top <= y <= bottom:
                across = abs(x - (left + right) / 2) / (right - left)
                distances.append((float(across + (y - top) / (bottom - top)), body, index))
    taken: set[int] = set()
    for _, body, index in sorted(distances):
        if owners[body] is None and index not in taken:
            owners[body] = index
            taken.add(index)
    return owners


def describe_body(image: np.ndarray, box: np.ndarray, faces: Sequence[np.ndarray], owner: int | None) -> np.ndarray:
    """Describe the person in `box`, whose face is number `owner` of `faces`, as float32 [BodyEncoder.dim].

    No pixel of any of the faces counts.
    """
    own = faces[owner] if owner is not None else None
    return np.concatenate([_geometry(image, box, own), _edges(image, box, faces)])


def _geometry(image: np.ndarray, box: np.ndarray, face: np.ndarray | None) -> np.ndarray:
    """Centre and size of the box in parts of the picture; whether its face is known, where and how large in the box."""
    height, width = image.shape[:2]
    size = np.maximum(box[2:] - box[:2], 1.0)
    body = np.concatenate([(box[:2] + box[2:]) / 2, size]) / (width, height, width, height)
    if face is None:
        return np.concatenate([body, np.zeros(5)]).astype(np.float32)
    centre = ((face[:2] + face[2:]) / 2 - box[:2]) / size
    return np.concatenate([body, [1.0], centre, (face[2:] - face[:2]) / size]).astype(np.float32)


def _edges(image: np.ndarray, box: np.ndarray, faces: Sequence[np.ndarray]) -> np.ndarray:
    """Edge directions per cell of the box, faces painted over with its mean; a vector of length 1, or 0 if flat."""
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(box[:2]), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(box[2:]), (left + 1, top + 1), (width, height)).astype(int)
    crop = image[top:bottom, left:right].mean(axis=2, dtype=np.float32)
    hidden = np.zeros(crop.shape, bool)
    for face in faces:
        margin = _FACE_MARGIN * (face[2:] - face[:2])
        low = np.maximum(np.floor(face[:2] - margin) - (left, top), 0).astype(int)
        high = np.maximum(np.ceil(face[2:] + margin) - (left, top), 0).astype(int)
        hidden[low[1] : high[1], low[0] : high[0]] = True
    crop[hidden] = crop[~hidden].mean() if not hidden.all() else 0.0
    small = Image.fromarray(crop).resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    down, across = np.gradient(np.asarray(small))
    strength = np.hypot(down, across)
    direction = (np.arctan2(down, across) % np.pi) * (_ORIENTATIONS / np.pi)
    bins = direction.astype(int) % _ORIENTATIONS
    layers = np.stack([strength * (bins == orientation) for orientation in range(_ORIENTATIONS)])
    histogram = layers.reshape(_ORIENTATIONS, _HEIGHT // _CELL, _CELL, _WIDTH // _CELL, _CELL).mean(axis=(2, 4)).ravel()
    length = np.linalg.norm(histogram)
    return (histogram / length if length > 0 else histogram).astype(np.float32)
