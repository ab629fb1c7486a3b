"""Faces of one feed over time: which detection is whom, and whose mouth moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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


TRACK_LIFE = 1.5
"""Seconds that a track lives on unseen."""
_COMPARABLE = 1.0
"""Seconds between two looks at a mouth beyond which their difference says nothing about speech."""
_OVERLAP = 0.15
"""Least intersection over union with the face's last place."""
_REACH, _PACE = 0.5, 2.0
"""How far the middle of a face may be from where it should be if the two do not overlap, in sides of the
face: at once, and for each second in between. Small faces of people who walk leave their place between two
looks."""
_GROWTH = 1.5
"""How much larger such a face may have become."""
_STALE = 0.5
"""By how much a second in between makes a match less likely, in correlation."""
_SAME_HEAD = 0.4
"""Least correlation of two looks at one head that has left its place."""
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
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    """Pixels a second by which its middle moves: who walks behind somebody else comes out further on."""

    def place(self, time: float) -> np.ndarray:
        """Where its box should be at `time`."""
        return self.box + np.tile(self.velocity * (time - self.time), 2)

    def move(self, time: float, box: np.ndarray) -> None:
        """It was seen in `box`."""
        if time > self.time:
            moved = (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2 / (time - self.time)
            self.velocity = (self.velocity + moved) / 2
        self.time, self.box = time, box

    def resize(self, factor: np.ndarray, image: np.ndarray) -> None:
        """The picture has become `factor` (across, down) times as large: what follows in `image` is laid over
        that."""
        self.box, self.velocity = self.box * np.tile(factor, 2), self.velocity * factor
        self.liveness.resize(image, self.box)


class FaceTracker:
    """Follows the faces of one feed; the same frames and detections always give the same tracks."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self.last_number = 0
        """Of the newest track."""
        self._picture: np.ndarray | None = None
        self._size: np.ndarray | None = None

    def update(
        self, time: float, image: np.ndarray, detections: Sequence[DetectedFace]
    ) -> list[FaceObservation]:
        """Name the faces found in the frame `image` (uint8 [height, width, 3], RGB) taken at `time`, in the
        order given."""
        picture = _look(image, np.array([0, 0, image.shape[1], image.shape[0]]))
        cut = self._picture is not None and float(np.vdot(picture, self._picture)) < _CUT
        self._picture = picture
        self._tracks = [track for track in self._tracks if time - track.time <= TRACK_LIFE]
        self._follow_size(image)
        looks = [_look(image, _square(face.box)) for face in detections]
        owners = self._match(time, detections, looks, _SAME_LOOK if cut else _LIKENESS)
        observations = []
        for face, look, track in zip(detections, looks, owners, strict=True):
            aligned = aligned_face(image, face.landmarks)
            motion = 0.0
            if track is None:
                self.last_number += 1
                track = _Track(
                    self.last_number, time, face.box, look, aligned, Liveness(time, image, face.box)
                )
                self._tracks.append(track)
            else:
                track.liveness.step(time, image, face.box)
                if time - track.time <= _COMPARABLE:
                    motion = mouth_motion(track.face, aligned)
            track.move(time, face.box)
            track.look, track.face = look, aligned
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

    def _follow_size(self, image: np.ndarray) -> None:
        """Cameras and calls change their resolution while they run."""
        size = np.array(image.shape[1::-1], np.float64)
        if self._size is not None and (size != self._size).any():
            for track in self._tracks:
                track.resize(size / self._size, image)
        self._size = size

    def _match(
        self, time: float, detections: Sequence[DetectedFace], looks: Sequence[np.ndarray], likeness: float
    ) -> list[_Track | None]:
        owners: list[_Track | None] = [None] * len(detections)
        if not detections or not self._tracks:
            return owners
        places = [(track.box, track.place(time)) for track in self._tracks]
        overlap = np.array(
            [[max(_overlap(face.box, place) for place in either) for either in places] for face in detections]
        )
        gaps = np.array([time - track.time for track in self._tracks])
        reach = _REACH + _PACE * gaps
        away = np.array(
            [[min(_away(face.box, place) for place in either) for either in places] for face in detections]
        )
        alike = np.array([[float(np.vdot(look, track.look)) for track in self._tracks] for look in looks])
        allowed = (overlap >= _OVERLAP) & (alike >= likeness)
        allowed |= (away <= reach) & (alike >= max(_SAME_HEAD, likeness))
        for row, column in best_pairs(np.maximum(overlap + alike - _STALE * gaps, 1e-3), allowed):
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


def _away(one: np.ndarray, other: np.ndarray) -> float:
    """Distance of the middles of two boxes, in sides of the larger one; none for boxes of other sizes."""
    middles = (one[:2] + one[2:] - other[:2] - other[2:]) / 2
    smaller, larger = sorted((float((one[2:] - one[:2]).max()), float((other[2:] - other[:2]).max())))
    return float(np.linalg.norm(middles)) / max(larger, 1.0) if larger <= _GROWTH * smaller else np.inf


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    return both / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - both)
