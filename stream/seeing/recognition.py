"""Which face is to be looked at for whose it is: in a feed, where that takes long and need not be done in
each picture; and in a picture of somebody who is to be known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotrack.engines.encoders.face.detection import FaceDetector
from emotrack.engines.encoders.face.expression import crop_face
from emotrack.errors import UserError
from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import FaceQuality, quality_of

SOON, LATER = 0.4, 10.0
"""Seconds from one look at a face to the next, among its first ones and after them."""
FIRST = 5
"""Looks that are its first ones."""
SMALLEST = 40.0
"""Pixels that a side of its crop takes at least: smaller faces are taken for each other."""


@dataclass(slots=True)
class _Looked:
    times: int
    last: float


class IdentityLooks:
    """Decides by stream time alone: one face in a frame at most, of those that are looked at least often the
    largest."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Looked] = {}

    def choose(self, observations: Sequence[FaceObservation], qualities: Sequence[FaceQuality]) -> int | None:
        """The place of the face to look at in this frame, if there is one."""
        here = {one.track for one in observations}
        self._tracks = {track: looked for track, looked in self._tracks.items() if track in here}
        due = [
            place
            for place, (one, quality) in enumerate(zip(observations, qualities, strict=True))
            if one.since is not None
            and not one.motionless
            and quality.obstacle is None
            and quality.size >= SMALLEST
            and self._is_due(one)
        ]
        if not due:
            return None
        place = min(due, key=lambda at: (self._times(observations[at].track), -qualities[at].size))
        chosen = observations[place]
        self._tracks[chosen.track] = _Looked(self._times(chosen.track) + 1, chosen.time)
        return place

    def _times(self, track: int) -> int:
        return self._tracks[track].times if track in self._tracks else 0

    def _is_due(self, one: FaceObservation) -> bool:
        looked = self._tracks.get(one.track)
        return looked is None or one.time - looked.last >= (SOON if looked.times < FIRST else LATER) - 1e-6


def only_face(detector: FaceDetector, image: np.ndarray) -> np.ndarray:
    """Where the one face in `image` (uint8 [height, width, 3], RGB) is: float32 [4].

    Raises `UserError` where there is none, or more than one, or it cannot be read.
    """
    faces = detector.detect(image)
    if len(faces) != 1:
        raise UserError(
            f"There {'is no face' if not faces else f'are {len(faces)} faces'} in it: give a picture in "
            "which that person alone looks at the camera."
        )
    quality = quality_of(crop_face(image, faces[0].landmarks), faces[0].landmarks)
    obstacle = quality.obstacle or ("face too small" if quality.size < SMALLEST else None)
    if obstacle is not None:
        raise UserError(f"The {obstacle.replace('face', 'face in it is')}: give a clearer picture.")
    return faces[0].box
