"""Faces of one feed over time: which detection is whom, and whose mouth moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from emotrack.engines.encoders.face.detection import DetectedFace
from emotrack.engines.encoders.face.expression import aligned
from emotrack.stream.seeing.liveness import Liveness


def best_pairs(values: np.ndarray, allowed: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns of the pairs with the greatest sum of `values` [rows, columns], all above 0, of those
    that are `allowed`.

    Rows rise; of choices of the same sum the one with the first columns for the first rows is taken.
    """
    columns = [np.flatnonzero(row).tolist() for row in allowed]
    wanted = [0]
    """Bits of the columns that any of the rows from one on can have, last row first: what else is taken makes
    no difference."""
    for row in reversed(columns):
        wanted.append(wanted[-1] | sum(1 << column for column in row))
    wanted.reverse()

    @cache
    def best(row: int, taken: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        if row == len(columns):
            return 0.0, ()
        found = best(row + 1, taken & wanted[row + 1])
        for column in reversed(columns[row]):
            if not taken >> column & 1:
                total, pairs = best(row + 1, (taken | 1 << column) & wanted[row + 1])
                if (with_this := total + float(values[row, column])) >= found[0]:
                    found = with_this, ((row, column), *pairs)
        return found

    return list(best(0, 0)[1])


_SIZE = 48
# Where the eyes, the nose and the corners of the mouth come to lie, in pixels of the aligned face.
_PLACES = np.array([[15, 16], [33, 16], [24, 26], [17, 35], [31, 35]], np.float64)
_MOUTH = (slice(30, 44), slice(13, 35))
_REST = (slice(8, 28), slice(9, 39))


def aligned_face(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The face with `landmarks` [5, 2] in `image` (uint8 [height, width, 3]), its brightness normalised:
    float32 [48, 48]."""
    face = aligned(image, landmarks, _PLACES, _SIZE).astype(np.float32)
    found: np.ndarray = (face - face.mean()) / max(float(face.std()), 1.0)
    return found


def mouth_motion(before: np.ndarray, after: np.ndarray) -> float:
    """How far, in pixels of the aligned face, the mouth moved between two aligned faces beyond what the rest
    did; at least 0."""
    return max(0.0, _motion(before, after, _MOUTH) - _motion(before, after, _REST))


def _motion(before: np.ndarray, after: np.ndarray, part: tuple[slice, slice]) -> float:
    """Change of brightness over its slope: what a shift of so many pixels would bring about."""
    down, across = np.gradient((before + after) / 2)
    slope = np.hypot(down, across)[part].mean()
    return float(np.abs(after - before)[part].mean() / max(slope, 1e-3))


_LIFE = 1.5
"""Seconds that a track lives on unseen."""
_COMPARABLE = 1.0
"""Seconds between two looks at a mouth beyond which their difference says nothing about speech."""
_OVERLAP = 0.15
"""Least intersection over union with the face's last place."""
_LIKENESS = 0.1
"""Least correlation of two looks at one head while the picture goes on; between two people's heads it is
around zero."""
_SAME_LOOK = 0.75
"""Least correlation of two looks at one head across a cut."""
_CUT = 0.6
"""Correlation of two whole pictures below which there was a cut between them."""
_SURROUNDINGS = 1.6
"""Side of the look at a head, in sides of the face: hair and background tell people apart better than
features do."""
_LOOK = 12
_MAXIMUM_TRACKS = 32


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """One face in one frame."""

    time: float
    track: int
    """Number of the face within its feed, from 1, never used twice."""
    box: np.ndarray
    """float32 [4]: left, top, right, bottom in pixels."""
    probability: float
    landmarks: np.ndarray
    """float32 [5, 2]: eyes, nose, mouth corners, as in `DetectedFace`."""
    mouth_motion: float
    """Motion of the mouth beyond that of the head since the last look at this face, in aligned pixels; 0 at
    the first look."""
    since: float | None = None
    """Session time from which on this is known to be a person's face; None where it is not, or not yet."""
    motionless: bool = False
    """Whether it has not changed for so long that it is a picture: a poster, a drawing, a still
    photograph."""


@dataclass(slots=True)
class _Track:
    number: int
    time: float
    box: np.ndarray
    look: np.ndarray
    face: np.ndarray
    liveness: Liveness


class FaceTracker:
    """Follows the faces of one feed; the same frames and detections always give the same tracks."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._last_number = 0
        self._picture: np.ndarray | None = None

    def update(
        self, time: float, image: np.ndarray, detections: Sequence[DetectedFace]
    ) -> list[FaceObservation]:
        """Name the faces found in the frame `image` (uint8 [height, width, 3], RGB) taken at `time`, in the
        order given."""
        picture = _look(image, np.array([0, 0, image.shape[1], image.shape[0]]))
        cut = self._picture is not None and float(np.vdot(picture, self._picture)) < _CUT
        self._picture = picture
        self._tracks = [track for track in self._tracks if time - track.time <= _LIFE]
        looks = [_look(image, _square(face.box)) for face in detections]
        owners = self._match(detections, looks, _SAME_LOOK if cut else _LIKENESS)
        observations = []
        for face, look, track in zip(detections, looks, owners, strict=True):
            aligned = aligned_face(image, face.landmarks)
            motion = 0.0
            if track is None:
                self._last_number += 1
                track = _Track(
                    self._last_number, time, face.box, look, aligned, Liveness(time, image, face.box)
                )
                self._tracks.append(track)
            else:
                track.liveness.step(time, image, face.box)
                if time - track.time <= _COMPARABLE:
                    motion = mouth_motion(track.face, aligned)
            track.time, track.box, track.look, track.face = time, face.box, look, aligned
            life = track.liveness
            observations.append(
                FaceObservation(
                    time,
                    track.number,
                    face.box,
                    face.probability,
                    face.landmarks,
                    motion,
                    life.since,
                    life.motionless,
                )
            )
        self._tracks.sort(key=lambda track: (-track.time, track.number))
        del self._tracks[_MAXIMUM_TRACKS:]
        return observations

    def _match(
        self, detections: Sequence[DetectedFace], looks: Sequence[np.ndarray], likeness: float
    ) -> list[_Track | None]:
        owners: list[_Track | None] = [None] * len(detections)
        if not detections or not self._tracks:
            return owners
        overlap = np.array([[_overlap(face.box, track.box) for track in self._tracks] for face in detections])
        alike = np.array([[float(np.vdot(look, track.look)) for track in self._tracks] for look in looks])
        allowed = (overlap >= _OVERLAP) & (alike >= likeness)
        for row, column in best_pairs(overlap + alike, allowed):
            owners[row] = self._tracks[column]
        return owners


def _square(box: np.ndarray) -> np.ndarray:
    centre = (box[:2] + box[2:]) / 2
    reach = max(box[2:] - box[:2]) * _SURROUNDINGS / 2
    return np.concatenate([centre - reach, centre + reach])


def _look(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A tiny colour picture of `box`, without its mean and of length 1, so that the dot product of two is
    their correlation."""
    left, top, right, bottom = (int(value) for value in box)
    crop = Image.fromarray(image).crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    values = np.asarray(crop.resize((_LOOK, _LOOK), Image.Resampling.BOX), np.float32).ravel()
    values = values - values.mean()
    found: np.ndarray = values / max(float(np.linalg.norm(values)), 1e-6)
    return found


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    return both / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - both)
