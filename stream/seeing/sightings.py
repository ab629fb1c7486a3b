"""What was seen in a feed's frames: faces and bodies, frame by frame, and the memory of the last of them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import FaceQuality

MEMORY = 120.0
"""Seconds for which sightings are kept, however many there are of them: more than any utterance lasts."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face in one frame: its crop uint8 [48, 48], how well that can be read, its descriptor float32 [dim]
    and the logits of its expression float32 [8] (of no numbers without an encoder)."""

    observation: FaceObservation
    crop: np.ndarray
    quality: FaceQuality
    descriptor: np.ndarray
    logits: np.ndarray
    identity: np.ndarray | None = None
    """What tells it from other people's, float32 [dim] of length 1, in the frames in which that was looked
    at."""


@dataclass(frozen=True, slots=True)
class SeenBody:
    """A person's box (x1, y1, x2, y2 in pixels) in one frame, with its descriptor float32 [dim]."""

    box: np.ndarray
    descriptor: np.ndarray

    def carries(self, face: np.ndarray) -> bool:
        """Whether the middle of a face's box (x1, y1, x2, y2) lies within."""
        x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
        return bool(self.box[0] <= x <= self.box[2] and self.box[1] <= y <= self.box[3])


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen in one frame; `dark` when there was no picture to see anything in."""

    feed: int
    time: float
    faces: tuple[SeenFace, ...]
    bodies: tuple[SeenBody, ...] | None
    """None when bodies were not looked for in this frame."""
    dark: bool
    picture: tuple[int, int]
    """Its width and height in pixels."""
    passed_over: int = 0
    """Faces found beyond those that are followed at once."""
    failed: Mapping[Literal["face", "body"], Exception] = field(default_factory=dict)
    """What looking for faces or bodies failed with, where it did."""

    @property
    def person_since(self) -> float | None:
        """Session time from which on somebody seen here is known to be a person; None where nobody is, or not
        yet.

        A body is one, unless it carries a face that is a picture.
        """
        pictures = [face.observation.box for face in self.faces if face.observation.motionless]
        bodies = [self.time for body in self.bodies or () if not any(body.carries(face) for face in pictures)]
        return min(
            [*bodies, *(face.observation.since for face in self.faces if face.observation.since is not None)],
            default=None,
        )


class Sightings:
    """What was seen of one feed lately, and whether its camera is up."""

    def __init__(self) -> None:
        self.video_up = False
        self._kept: deque[Sighting] = deque()

    @property
    def last(self) -> Sighting | None:
        """The newest of them."""
        return self._kept[-1] if self._kept else None

    def add(self, sighting: Sighting) -> None:
        """Keep what was seen in the next frame."""
        self._kept.append(sighting)
        while sighting.time - self._kept[0].time > MEMORY:
            self._kept.popleft()

    def between(self, start: float, end: float) -> list[Sighting]:
        """Those of frames captured from `start` to `end` (session seconds, inclusive)."""
        return [sighting for sighting in self._kept if start <= sighting.time <= end]
