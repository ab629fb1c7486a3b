"""Looks at the sampled frames of every feed on one thread: faces with their tracks and descriptors, and bodies.

Live feeds are latest-wins: a frame that has not been looked at is replaced by the next one of its feed. In an ordered run the
caller waits instead.
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from emotrack.engines.encoders import Encoders
from emotrack.engines.face import crop_face
from emotrack.stream.media import VideoFrame
from emotrack.stream.sampling import RateGrid
from emotrack.stream.seeing.face_finding import FaceFinder
from emotrack.stream.seeing.faces import FaceObservation, FaceTracker
from emotrack.stream.seeing.quality import FaceQuality, quality_of
from emotrack.stream.settings import VisionSettings

ORDERED_BACKLOG = 8
DARK_DEVIATION = 2.0
"""Standard deviation of the grey levels (of 255) under which there is no picture: a covered lens, or a black frame."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face in one frame: its crop uint8 [48, 48], how well that can be read, and its descriptor float32 [dim] (of no numbers
    without an encoder)."""

    observation: FaceObservation
    crop: np.ndarray
    quality: FaceQuality
    descriptor: np.ndarray


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

    @property
    def person_since(self) -> float | None:
        """Session time from which on somebody seen here is known to be a person; None where nobody is, or not yet.

        A body is one, unless it carries a face that is a picture.
        """
        pictures = [face.observation.box for face in self.faces if face.observation.motionless]
        bodies = [self.time for body in self.bodies or () if not any(body.carries(face) for face in pictures)]
        return min([*bodies, *(face.observation.since for face in self.faces if face.observation.since is not None)], default=None)


class Vision:
    """One worker thread; `offer` it the frames that it `wants`, `collect` sightings."""

    def __init__(self, feeds: int, encoders: Encoders, settings: VisionSettings, *, ordered: bool) -> None:
        self.looked = 0
        self.replaced = 0
        self.failure: BaseException | None = None
        self.face_rate = settings.face_rate
        """Frames a second that are looked at; may be set at any time, while readers ask what is wanted."""
        self.sheds_bodies = False
        """Whether bodies are not looked for at the moment, to save time."""
        self._settings = settings
        self._encoders = encoders
        self._ordered = ordered
        self._trackers = [FaceTracker() for _ in range(feeds)]
        self._finders = [FaceFinder(encoders.face_detector) if encoders.face_detector else None for _ in range(feeds)]
        self._grids = [RateGrid() for _ in range(feeds)]
        self._body_grids = [RateGrid() for _ in range(feeds)]
        self._waiting: deque[tuple[int, VideoFrame]] = deque()
        self._busy: tuple[int, float] | None = None
        self._found: deque[Sighting] = deque()
        self._condition = threading.Condition()
        self._closed = False
        self._hurried = False
        self._thread = threading.Thread(target=self._run, name="vision", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    @property
    def able(self) -> bool:
        """Whether anything can be looked for."""
        return self._encoders.face_detector is not None or self._encoders.body is not None

    def wants(self, feed: int, time: float) -> bool:
        """Whether a frame at `time` is the one of its feed at a point of the sampling grid; asked once for each, by its reader."""
        return self._grids[feed].takes(time, self.face_rate)

    def offer(self, feed: int, frame: VideoFrame) -> None:
        """Hand over a frame."""
        if not self.able:
            return
        with self._condition:
            place = next((place for place, (other, _) in enumerate(self._waiting) if other == feed), None)
            if self._ordered:
                self._condition.wait_for(lambda: len(self._waiting) < ORDERED_BACKLOG or self._hurried or self._closed)
                self._waiting.append((feed, frame))
            elif place is None:
                self._waiting.append((feed, frame))
            else:
                self._waiting[place] = (feed, frame)  # where the old one was, or feeds could take each other's turn for ever
                self.replaced += 1
            self._condition.notify_all()

    def collect(self) -> list[Sighting]:
        """The sightings finished since the last call, in the order of the frames."""
        with self._condition:
            found = list(self._found)
            self._found.clear()
        return found

    def behind(self, feed: int, time: float) -> bool:
        """Whether a frame of this feed, stamped at `time` or before, has yet to be looked at."""
        with self._condition:
            return self._behind(feed, time)

    def wait_for(self, feed: int, time: float) -> None:
        """Return when every frame of this feed stamped at `time` or before has been looked at, or there is no time for that."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._hurried or not self._behind(feed, time))

    def hurry(self) -> None:
        """The session is to end: nobody waits for a frame any more; callable from any thread."""
        with self._condition:
            self._hurried = True
            self._condition.notify_all()

    def depth(self) -> int:
        """How many frames wait."""
        with self._condition:
            return len(self._waiting)

    def close(self) -> None:
        """Stop the thread; frames that wait are given up."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def _behind(self, feed: int, time: float) -> bool:
        busy = self._busy is not None and self._busy[0] == feed and self._busy[1] <= time
        return busy or any(index == feed and frame.time <= time for index, frame in self._waiting)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                feed, frame = self._waiting.popleft()
                self._busy = (feed, frame.time)
                self._condition.notify_all()
            try:
                sighting = self._look(feed, frame)
            except BaseException as failure:  # noqa: BLE001 - handed to the loop, which raises it on the caller's thread
                with self._condition:
                    self.failure = failure
                    self._closed = True
                    self._condition.notify_all()
                return
            with self._condition:
                self._found.append(sighting)
                self._busy = None
                self.looked += 1
                self._condition.notify_all()

    def _look(self, feed: int, frame: VideoFrame) -> Sighting:
        dark = float(frame.image[::4, ::4].std()) < DARK_DEVIATION
        faces = () if dark else self._faces(feed, frame)
        return Sighting(feed, frame.time, faces, () if dark else self._bodies(feed, frame, faces), dark)

    def _faces(self, feed: int, frame: VideoFrame) -> tuple[SeenFace, ...]:
        finder = self._finders[feed]
        if finder is None:
            return ()
        observations = self._trackers[feed].update(frame.time, frame.image, finder.find(frame.time, frame.image))
        if not observations:
            return ()
        crops = np.stack([crop_face(frame.image, observation.landmarks) for observation in observations])
        qualities = [quality_of(crop, observation.landmarks) for crop, observation in zip(crops, observations, strict=True)]
        encoder = self._encoders.face
        descriptors = np.zeros((len(crops), 0), np.float32) if encoder is None else encoder.encode(crops)
        return tuple(SeenFace(*face) for face in zip(observations, crops, qualities, descriptors, strict=True))

    def _bodies(self, feed: int, frame: VideoFrame, faces: tuple[SeenFace, ...]) -> tuple[SeenBody, ...] | None:
        if self._encoders.body is None or self.sheds_bodies:
            return None
        if not self._body_grids[feed].takes(frame.time, self._settings.body_rate):
            return None
        found = self._encoders.body.describe(frame.image, [face.observation.box for face in faces])
        return tuple(SeenBody(body.box, body.descriptor) for body in found)
