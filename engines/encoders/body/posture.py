"""A person's posture in numbers: where the body and its head are, and which way the edges in it run; no pixel
of any face counts."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

_WIDTH, _HEIGHT, _CELL = 48, 96, 16
_ORIENTATIONS = 8
_FACE_MARGIN = 0.25
"""How far beyond its box, in box sizes, a face is painted over: hair and chin go with it."""
POSTURE_DIM = 9 + (_WIDTH // _CELL) * (_HEIGHT // _CELL) * _ORIENTATIONS


def match_faces(bodies: Sequence[np.ndarray], faces: Sequence[np.ndarray]) -> list[int | None]:
    """For each person box the face box inside it nearest to the middle of its top, by index; no face has two
    bodies."""
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


def describe_posture(
    image: np.ndarray, box: np.ndarray, faces: Sequence[np.ndarray], owner: int | None
) -> np.ndarray:
    """Describe the person in `box`, whose face is number `owner` of `faces`, as float32 [POSTURE_DIM]."""
    own = faces[owner] if owner is not None else None
    return np.concatenate([_geometry(image, box, own), _edges(image, box, faces)])


def faceless(image: np.ndarray, box: np.ndarray, faces: Sequence[np.ndarray]) -> np.ndarray:
    """What of the picture (uint8 [height, width, 3]) lies in `box`, in grey, with all faces painted over by
    its mean: float32 [h, w], at least one pixel."""
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(box[:2]), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(box[2:]), (left + 1, top + 1), (width, height)).astype(int)
    crop: np.ndarray = image[top:bottom, left:right].mean(axis=2, dtype=np.float32)
    hidden = np.zeros(crop.shape, bool)
    for face in faces:
        margin = _FACE_MARGIN * (face[2:] - face[:2])
        low = np.maximum(np.floor(face[:2] - margin) - (left, top), 0).astype(int)
        high = np.maximum(np.ceil(face[2:] + margin) - (left, top), 0).astype(int)
        hidden[low[1] : high[1], low[0] : high[0]] = True
    crop[hidden] = crop[~hidden].mean() if not hidden.all() else 0.0
    return crop


def _geometry(image: np.ndarray, box: np.ndarray, face: np.ndarray | None) -> np.ndarray:
    """Centre and size of the box in parts of the picture; whether its face is known, where and how large in
    the box."""
    height, width = image.shape[:2]
    size = np.maximum(box[2:] - box[:2], 1.0)
    body = np.concatenate([(box[:2] + box[2:]) / 2, size]) / (width, height, width, height)
    if face is None:
        return np.concatenate([body, np.zeros(5)]).astype(np.float32)
    centre = ((face[:2] + face[2:]) / 2 - box[:2]) / size
    return np.concatenate([body, [1.0], centre, (face[2:] - face[:2]) / size]).astype(np.float32)


def _edges(image: np.ndarray, box: np.ndarray, faces: Sequence[np.ndarray]) -> np.ndarray:
    """Edge directions per cell of the box (Dalal and Triggs 2005, coarsely); a vector of length 1, or 0 if
    flat."""
    crop = Image.fromarray(faceless(image, box, faces))
    small = crop.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    down, across = np.gradient(np.asarray(small))
    strength = np.hypot(down, across)
    direction = (np.arctan2(down, across) % np.pi) * (_ORIENTATIONS / np.pi)
    bins = direction.astype(int) % _ORIENTATIONS
    layers = np.stack([strength * (bins == orientation) for orientation in range(_ORIENTATIONS)])
    histogram = (
        layers.reshape(_ORIENTATIONS, _HEIGHT // _CELL, _CELL, _WIDTH // _CELL, _CELL)
        .mean(axis=(2, 4))
        .ravel()
    )
    length = np.linalg.norm(histogram)
    found: np.ndarray = (histogram / length if length > 0 else histogram).astype(np.float32)
    return found
