"""Faces that are hidden: nobody finds them any more, and nothing else changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.body.bodies import DescribedBody
from emotrack.engines.encoders.face.detection import DetectedFace, open_face_detector
from emotrack.engines.open import HIDDEN, Encoders
from emotrack.stream.seeing.hiding import CELLS, MARGIN, MEMORY, FaceHider, hidden
from emotrack.stream.seeing.sightings import Sighting
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.settings import VisionSettings
from emotrack.stream.sources.media import VideoFrame
from helpers.media.portraits import portrait
from helpers.networks.engines import pool

FACE = np.array([60, 40, 100, 90], np.float32)
NUMBERS = st.floats(-300, 300, width=32)
BOXES = st.lists(
    st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS).map(lambda edges: np.array(edges, np.float32)), max_size=3
)


def noise(seed: int = 0, size: tuple[int, int] = (120, 160)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def found(box: np.ndarray) -> DetectedFace:
    return DetectedFace(box, 0.99, np.zeros((5, 2), np.float32))


class Scripted:
    """Finds faces by a script, and nothing when it is over."""

    def __init__(self, *faces: Sequence[np.ndarray]) -> None:
        self._script = list(faces)
        self.looked_at: list[np.ndarray] = []

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        self.looked_at.append(image)
        return [found(box) for box in (self._script.pop(0) if self._script else [])]


def test_no_face_is_found_where_faces_were_hidden() -> None:
    detector = open_face_detector(pool("onnx-cpu"), to_hide=True)
    shown, places = FaceHider(detector).hide(0.0, portrait())
    assert places and not detector.detect(shown)


@given(BOXES)
def test_nothing_else_changes_wherever_faces_are(faces: list[np.ndarray]) -> None:
    before = noise()
    shown = hidden(before, faces)
    rows, columns = np.mgrid[:120, :160]
    near = np.zeros((120, 160), bool)
    for left, top, right, bottom in faces:
        across, down = MARGIN * (right - left) + 1, MARGIN * (bottom - top) + 1
        near |= (
            (columns >= left - across)
            & (columns <= right + across)
            & ((rows >= top - down) & (rows <= bottom + down))
        )
    assert np.array_equal(shown[~near], before[~near])
    assert np.array_equal(before, noise()), "the picture itself stays as it is"


def detail(image: np.ndarray) -> float:
    """The largest step from one pixel to the next in the middle of the face."""
    return float(np.abs(np.diff(image[50:80, 70:90].astype(float), axis=0)).max())


def test_a_few_shades_are_left_of_a_face() -> None:
    one, other = (hidden(noise(seed), [FACE])[50:80, 70:90].astype(float) for seed in (0, 1))
    assert np.ptp(one, axis=(0, 1)).max() < 64, "noise has no shades of its own"
    assert np.abs(one - other).mean() < 16
    assert detail(noise()) > 100 > 64 / CELLS > detail(hidden(noise(), [FACE]))


def test_a_face_that_turns_away_stays_hidden_for_a_while() -> None:
    hider = FaceHider(Scripted([FACE]))
    hider.hide(0.0, noise())
    shown, places = hider.hide(MEMORY, noise())
    assert not places and np.array_equal(shown, hidden(noise(), [FACE]))
    assert np.array_equal(hider.hide(MEMORY + 0.1, noise())[0], noise())


def test_places_mean_nothing_in_a_picture_of_another_size() -> None:
    hider = FaceHider(Scripted([FACE]))
    hider.hide(0.0, noise())
    larger = noise(size=(240, 320))
    assert np.array_equal(hider.hide(0.1, larger)[0], larger)


class Watching:
    """Sees one body, and remembers what it was shown."""

    dim = 1

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def describe(
        self,
        image: np.ndarray,
        faces: Sequence[np.ndarray],
        earlier: Sequence[DescribedBody],
        seconds: float,
    ) -> list[DescribedBody]:
        self.shown.append(image)
        box = np.array([40, 20, 120, 120], np.float32)
        return [DescribedBody(box, 1.0, np.array([len(faces)], np.float32), np.zeros((48, 24), np.float32))]


def watched(detector: Scripted, body: Watching | None, frames: int) -> list[Sighting]:
    seeing: dict[str, Any] = {"face_detector": detector, "face": None, "body": body}
    encoders = Encoders(None, None, **seeing, unusable={"face": HIDDEN}, report=(), hides_faces=True)
    vision = Vision(1, encoders, VisionSettings(), ordered=True)
    vision.start()
    try:
        for number in range(frames):
            vision.offer(0, VideoFrame(number / 5, noise(number)))
        vision.wait_for(0, float("inf"))
        sightings = vision.collect()
        assert not any(sighting.failed for sighting in sightings)
        return sightings
    finally:
        vision.close()


def test_bodies_are_seen_in_pictures_without_faces_and_no_face_is_told() -> None:
    detector, body = Scripted(*([FACE] for _ in range(3))), Watching()
    sightings = watched(detector, body, 11)
    assert [sighting.faces for sighting in sightings] == [()] * 11
    assert [len(sighting.bodies or ()) for sighting in sightings if sighting.bodies is not None] == [1] * 3
    assert len(detector.looked_at) == 3, "faces are looked for in no other picture"
    for number, shown in zip((0, 5, 10), body.shown, strict=True):
        assert not np.array_equal(shown, noise(number))
        assert detail(shown) < 64 / CELLS
    assert all(sighting.person_since is not None for sighting in sightings if sighting.bodies)


def test_no_picture_is_looked_at_where_bodies_are_not() -> None:
    detector = Scripted([FACE])
    assert not any(sighting.faces or sighting.bodies for sighting in watched(detector, None, 3))
    assert not detector.looked_at
