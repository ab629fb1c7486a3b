"""Looks at the sampled frames of every feed on one thread: faces with their tracks and descriptors, and
bodies."""

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np

from emotrack.engines.encoders.body.bodies import DescribedBody
from emotrack.engines.encoders.face.detection import DetectedFace
from emotrack.engines.encoders.face.expression import FaceReadings, crop_face
from emotrack.engines.open import Encoders
from emotrack.engines.running.priority import give_way
from emotrack.stream.seeing.faces import FaceTracker
from emotrack.stream.seeing.hiding import FaceHider
from emotrack.stream.seeing.quality import quality_of
from emotrack.stream.seeing.recognition import IdentityLooks
from emotrack.stream.seeing.sightings import SeenBody, SeenFace, Sighting
from emotrack.stream.settings import VisionSettings
from emotrack.stream.sources.media import VideoFrame, due
from emotrack.stream.sources.timing.clock import RateGrid
from emotrack.stream.sources.timing.delivery import LIVE, LOOKED_AT_ALL, MEDIA_TRAITS, Delivery


class Detector(Protocol):
    """What finds faces anywhere in a picture (dear), and follows known ones into the next (cheap)."""

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """The faces in a picture, uint8 [height, width, 3], RGB, the largest first."""
        ...

    def follow(self, image: np.ndarray, faces: list[DetectedFace]) -> list[DetectedFace]:
        """Those of the faces of the picture before that are in this one."""
        ...


class FaceFinder:
    """Decides by stream time alone, so the same frames always give the same faces."""

    def __init__(self, detector: Detector, most: int, *, interval: float = 1.0, soonest: float = 0.4) -> None:
        """Look everywhere each `interval` seconds; where a face was lost or none is known, already after
        `soonest`. The `most` largest faces are followed."""
        self.passed_over = 0
        """Faces that were found and are not followed, since they are too many."""
        self._detector = detector
        self._most = most
        self._interval = interval
        self._soonest = soonest
        self._looked = -np.inf
        self._expected = 0
        self._faces: list[DetectedFace] = []
        self._shape: tuple[int, ...] = ()

    def forget(self) -> None:
        """Look everywhere in the next frame: what is known is none."""
        self._faces, self._expected, self._shape = [], 0, ()

    def find(self, time: float, image: np.ndarray) -> list[DetectedFace]:
        """The faces in the frame `image` (uint8 [height, width, 3], RGB) taken at `time`, the largest
        first."""
        # The margin keeps a grid of frame times that divides the interval from slipping by a rounding error.
        resized, self._shape = image.shape != self._shape, image.shape  # then known places mean nothing
        waited = np.inf if resized else time - self._looked + 1e-6
        if waited < self._interval:
            self._faces = self._detector.follow(image, self._faces)
        known = self._expected > 0 and len(self._faces) == self._expected
        if waited >= (self._interval if known else self._soonest):
            found = self._detector.detect(image)
            self._faces, self.passed_over = found[: self._most], max(0, len(found) - self._most)
            self._looked, self._expected = time, len(self._faces)
        return self._faces


ENDING_SECONDS = 0.5
"""How long the end waits for a look that is under way: labels may have been waited for before."""
STALLED_SECONDS, HANGS_SECONDS = 1.5, 60.0
"""Seconds that one look may take for a live session, and for one that has time."""
FURTHEST = 1e6
"""Pixels: where nothing is found."""
IDLE_SECONDS = 1.0
"""How long the thread sleeps at most where there is nothing to look at."""
DARK_DEVIATION = 2.0
"""Standard deviation of the grey levels (of 255) under which there is no picture: a covered lens, or a black
frame."""


class Vision:
    """One worker thread; `offer` it the frames that it `wants`, `collect` sightings."""

    def __init__(self, feeds: int, encoders: Encoders, settings: VisionSettings, *, ordered: bool) -> None:
        self.looked = 0
        self.replaced = 0
        self.face_rate = settings.face_rate
        """Frames a second that are looked at; may be set at any time, while readers ask what is wanted."""
        self.sheds_bodies = False
        """Whether bodies are not looked for at the moment, to save time."""
        self._settings = settings
        self._encoders = encoders
        self._trackers = [FaceTracker() for _ in range(feeds)]
        self._finders = [
            FaceFinder(encoders.face_detector, settings.maximum_faces)
            if encoders.face_detector and not encoders.hides_faces
            else None
            for _ in range(feeds)
        ]
        self._grids = [RateGrid() for _ in range(feeds)]
        self._body_grids = [RateGrid() for _ in range(feeds)]
        self._hiders = [
            FaceHider(encoders.face_detector) if encoders.hides_faces and encoders.face_detector else None
            for _ in range(feeds)
        ]
        self._looks = [IdentityLooks() for _ in range(feeds)]
        self._bodies_before: list[tuple[float, list[DescribedBody]]] = [(-math.inf, [])] * feeds
        self._waiting = Delivery(LOOKED_AT_ALL if ordered else LIVE, MEDIA_TRAITS, feeds)
        self._owed: list[list[float]] = [
            [] for _ in range(feeds)
        ]  # times of frames that are yet to be looked at
        self._found: deque[Sighting] = deque()
        self._condition = threading.Condition()
        self._closed = False
        self._hurried = False
        self._patience = HANGS_SECONDS if ordered else STALLED_SECONDS
        self._began = math.inf
        """Second of `time.monotonic` at which the look that is under way began."""
        self._thread = threading.Thread(target=self._run, name="vision", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    @property
    def able(self) -> bool:
        """Whether anything can be looked for."""
        return self._encoders.face_detector is not None or self._encoders.body is not None

    @property
    def tracks(self) -> tuple[int, ...]:
        """The face of each feed that was numbered last."""
        return tuple(tracker.last_number for tracker in self._trackers)

    def count_from(self, tracks: Sequence[int]) -> None:
        """Before anything is looked at: number the faces of each feed from the next one on."""
        for tracker, number in zip(self._trackers, tracks, strict=True):
            tracker.last_number = number

    def wants(self, feed: int, time: float) -> bool:
        """Whether a frame at `time` is the one of its feed at a point of the sampling grid; asked once for
        each, by its reader."""
        return self._grids[feed].takes(time, self.face_rate)

    def offer(self, feed: int, frame: VideoFrame) -> None:
        """Hand over a frame."""
        if not self.able:
            return
        with self._condition:
            self._owed[feed].append(frame.time)
        for lost in self._waiting.put(feed, frame):
            self.replaced += 1
            self._settle(feed, due(lost))

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
        """Return when every frame of this feed stamped at `time` or before has been looked at, or there is no
        time for that, or looking must be taken for something that hangs."""

        def done() -> bool:
            return self._closed or self._hurried or not self._behind(feed, time)

        with self._condition:
            while not self._condition.wait_for(done, timeout=1.0):
                if self._looks_for(self._patience):
                    return

    @property
    def stalled(self) -> bool:
        """Whether one picture has been looked at for so long that nobody should wait for it."""
        return self._looks_for(STALLED_SECONDS)

    def _looks_for(self, seconds: float) -> bool:
        return time.monotonic() - self._began > seconds

    def hurry(self) -> None:
        """The session is to end: nobody waits for a frame any more; callable from any thread."""
        with self._condition:
            self._hurried = True
            self._condition.notify_all()
        self._waiting.hurry()

    def depth(self) -> int:
        """How many frames wait."""
        return self._waiting.depths()["video"]

    def close(self) -> None:
        """Stop the thread; frames that wait are given up."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._waiting.abandon()
        self._waiting.wake()
        if self._thread.is_alive():
            self._thread.join(ENDING_SECONDS)

    def _behind(self, feed: int, time: float) -> bool:
        return any(owed <= time for owed in self._owed[feed])

    def _settle(self, feed: int, time: float) -> None:
        """The frame of this time has been looked at, or never will be."""
        with self._condition:
            self._owed[feed].remove(time)
            self._condition.notify_all()

    def _run(self) -> None:
        give_way()
        while not self._closed:
            arrival = self._waiting.get(IDLE_SECONDS)
            if arrival is None or self._closed:
                continue
            feed, frame = arrival.feed, arrival.item
            assert isinstance(frame, VideoFrame)
            self._began = time.monotonic()
            sighting = self._look(feed, frame)
            with self._condition:
                self._began = math.inf
                self._found.append(sighting)
                self.looked += 1
            self._settle(feed, frame.time)

    def _look(self, feed: int, frame: VideoFrame) -> Sighting:
        dark = float(frame.image[::4, ::4].std()) < DARK_DEVIATION
        faces: tuple[SeenFace, ...] = ()
        bodies: tuple[SeenBody, ...] | None = ()
        failed: dict[Literal["face", "body"], Exception] = {}
        if not dark:
            try:
                faces = self._faces(feed, frame)
            except Exception as failure:  # noqa: BLE001 - told with what was seen
                failed["face"] = failure
            try:
                bodies = self._bodies(feed, frame, faces)
            except Exception as failure:  # noqa: BLE001 - likewise
                bodies, failed["body"] = None, failure
        height, width = frame.image.shape[:2]
        finder = self._finders[feed]
        passed_over = 0 if dark or finder is None else finder.passed_over
        return Sighting(feed, frame.time, faces, bodies, dark, (width, height), passed_over, failed)

    def _faces(self, feed: int, frame: VideoFrame) -> tuple[SeenFace, ...]:
        finder = self._finders[feed]
        if finder is None:
            return ()
        found = finder.find(frame.time, frame.image)
        if any(not np.abs(face.box).max() < FURTHEST for face in found):
            finder.forget()
            raise ValueError("the detector gave a face at no place")
        observations = self._trackers[feed].update(frame.time, frame.image, found)
        if not observations:
            return ()
        crops = np.stack([crop_face(frame.image, observation.landmarks) for observation in observations])
        qualities = [
            quality_of(crop, observation.landmarks)
            for crop, observation in zip(crops, observations, strict=True)
        ]
        encoder = self._encoders.face
        read = FaceReadings.none(len(crops)) if encoder is None else encoder.read(crops)
        if encoder is not None and read.descriptors.shape != (len(crops), encoder.dim):
            raise ValueError(
                f"the encoder gave {list(read.descriptors.shape)} where {[len(crops), encoder.dim]} is wanted"
            )
        faces = zip(observations, crops, qualities, read.descriptors, read.logits, strict=True)
        seen = [SeenFace(*face) for face in faces]
        identity = self._encoders.identity
        if identity is not None and (place := self._looks[feed].choose(observations, qualities)) is not None:
            (whose,) = identity.embed(frame.image, observations[place].box[None])
            seen[place] = replace(seen[place], identity=whose)
        return tuple(seen)

    def _bodies(
        self, feed: int, frame: VideoFrame, faces: tuple[SeenFace, ...]
    ) -> tuple[SeenBody, ...] | None:
        encoder = self._encoders.body
        if encoder is None or self.sheds_bodies:
            return None
        if not self._body_grids[feed].takes(frame.time, self._settings.body_rate):
            return None
        image, places = frame.image, [face.observation.box for face in faces]
        if (hider := self._hiders[feed]) is not None:
            image, places = hider.hide(frame.time, image)
        time, before = self._bodies_before[feed]
        found = encoder.describe(image, places, before, frame.time - time)
        self._bodies_before[feed] = frame.time, found
        return tuple(SeenBody(body.box, body.descriptor) for body in found)
