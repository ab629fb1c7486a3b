"""Simulated looks: the session's own thread and queues of vision, and in the place of its networks what a
picture says is to be seen."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from emotrack.engines.open import Encoders
from emotrack.model.formats import EXPRESSIONS
from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import FaceQuality
from emotrack.stream.seeing.sightings import SeenBody, SeenFace, Sighting
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.settings import VisionSettings
from emotrack.stream.sources.media import VideoFrame
from simulation.machine import Machine
from simulation.parts.networks import WIDTH, Spells
from simulation.parts.sources import shown
from simulation.plan import Plan

FACES = {"face": (1,), "two faces": (1, 2), "crowd": (1, 2), "poster": (3,)}
"""Whose faces are in a picture."""
POSTER = 3
QUALITY = FaceQuality(size=80.0, sharpness=1.0, turn=0.0, shown=1.0)
CROP = np.zeros((48, 48), np.uint8)
LANDMARKS = np.array([[30, 30], [50, 30], [40, 40], [32, 50], [48, 50]], np.float32)


class SimulatedVision(Vision):
    """Looks as a plan has it: how long that takes, and where it fails."""

    def __init__(
        self,
        plan: Plan,
        spells: dict[str, Spells],
        machine: Machine,
        feeds: int,
        encoders: Encoders,
        settings: VisionSettings,
        *,
        ordered: bool,
    ) -> None:
        super().__init__(feeds, encoders, settings, ordered=ordered)
        self._plan = plan
        self._spells = spells
        self._machine = machine
        self._looks_begun = 0
        self._tracks: list[dict[int, tuple[int, float, float]]] = [{} for _ in range(feeds)]
        """By face: the number of its track, and when it was seen first and last."""
        self._finders = [cast(Any, SimpleNamespace(passed_over=0)) for _ in range(feeds)]

    def _look(self, feed: int, frame: VideoFrame) -> Sighting:
        self._looks_begun += 1
        stall = self._plan.stall
        stalls = stall is not None and stall[0] == self._looks_begun
        self._machine.sleep(stall[1] if stall is not None and stalls else self._plan.look_seconds)
        finder = self._finders[feed]
        assert finder is not None
        finder.passed_over = 3 * (shown(frame.image) == "crowd")
        return super()._look(feed, frame)

    def _faces(self, feed: int, frame: VideoFrame) -> tuple[SeenFace, ...]:
        who = FACES.get(shown(frame.image), ())
        logits = np.zeros(len(EXPRESSIONS), np.float32)
        if who:
            logits = self._spells["face"].spoil(logits)
            if logits.shape != (len(EXPRESSIONS),):
                raise ValueError("the encoder gave another shape")
        return tuple(self._face(feed, one, frame.time, logits) for one in who)

    def _face(self, feed: int, who: int, time: float, logits: np.ndarray) -> SeenFace:
        tracks = self._tracks[feed]
        number, first, last = tracks.get(who, (0, time, -9.0))
        if time - last > 1.5:
            number, first = 1 + max((known for known, _, _ in tracks.values()), default=0), time
        tracks[who] = number, first, time
        box = np.array([20 + 60 * who, 20, 60 + 60 * who, 70], np.float32)
        descriptor = np.full(WIDTH, who / 4 + float(logits[0]), np.float32)
        observation = FaceObservation(
            time,
            number,
            box,
            0.99,
            LANDMARKS,
            mouth_motion=0.5 if who == 1 else 0.05,
            since=first if who != POSTER and time > first else None,
            motionless=who == POSTER and time - first > 0.5,
        )
        return SeenFace(observation, CROP, QUALITY, descriptor, logits)

    def _bodies(
        self, feed: int, frame: VideoFrame, faces: tuple[SeenFace, ...]
    ) -> tuple[SeenBody, ...] | None:
        if self.sheds_bodies or not self._body_grids[feed].takes(frame.time, self._settings.body_rate):
            return None
        if shown(frame.image) not in ("body", "face"):
            return ()
        descriptor = self._spells["body"].spoil(np.full(WIDTH, 0.3, np.float32))
        return (SeenBody(np.array([0, 0, 300, 300], np.float32), descriptor),)
