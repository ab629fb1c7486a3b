"""Faces over time: who is whom, across motion, gaps and cuts; mouths that move; and when the detector is
asked for what."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from emotrack.engines.encoders.face.detection import DetectedFace
from emotrack.stream.seeing.faces import FaceTracker
from emotrack.stream.seeing.vision import FaceFinder

PLACES = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])
MOUTH = (slice(52, 72), slice(22, 58))


def head(seed: int, size: int = 80, mouth: int = 0) -> np.ndarray:
    """Smooth random colours, uint8 [size, size, 3]; the part where the mouth is differs with `mouth`."""

    def texture(number: int, cells: int, side: int) -> np.ndarray:
        cells_of_colour = np.random.default_rng(number).integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(cells_of_colour).resize((side, side), Image.Resampling.BICUBIC))

    face = texture(seed, 9, 80).copy()
    if mouth:
        face[MOUTH] = texture(1000 * seed + mouth, 9, 80)[MOUTH]
    return np.asarray(Image.fromarray(face).resize((size, size), Image.Resampling.BICUBIC))


def frame(
    *heads: tuple[np.ndarray, float, float], background: int = 90
) -> tuple[np.ndarray, list[DetectedFace]]:
    """A picture with heads at (left, top), and what a detector says of it: the middle of each head is the
    face."""
    image = np.full((240, 320, 3), background, np.uint8)
    faces = []
    for texture, left, top in heads:
        size = len(texture)
        row, column = round(top), round(left)
        image[row : row + size, column : column + size] = texture
        corner = np.array([column, row])
        box = np.concatenate([corner + 0.15 * size, corner + 0.85 * size]).astype(np.float32)
        faces.append(DetectedFace(box, 0.99, (corner + PLACES * size).astype(np.float32)))
    return image, faces


def tracks(
    tracker: FaceTracker, time: float, *heads: tuple[np.ndarray, float, float], background: int = 90
) -> list[int]:
    return [face.track for face in tracker.update(time, *frame(*heads, background=background))]


def test_two_faces_keep_their_tracks_in_any_order_of_detections() -> None:
    tracker = FaceTracker()
    one, other = head(1), head(2)
    assert tracks(tracker, 0.0, (one, 20, 40), (other, 180, 40)) == [1, 2]
    for step in range(1, 20):
        moved = [(one, 20 + step, 40), (other, 180, 40 + step)]
        if step % 2:
            assert tracks(tracker, step / 5, *moved) == [1, 2]
        else:
            assert tracks(tracker, step / 5, *reversed(moved)) == [2, 1]


def test_a_face_that_was_away_is_the_same_for_a_while_and_a_new_one_later() -> None:
    tracker = FaceTracker()
    one = (head(1), 20, 40)
    assert tracks(tracker, 0.0, one) == [1]
    assert tracks(tracker, 0.2) == []
    assert tracks(tracker, 1.4, one) == [1]
    assert tracks(tracker, 3.0, one) == [2]


def test_a_cut_does_not_glue_two_people_in_one_place() -> None:
    tracker = FaceTracker()
    assert tracks(tracker, 0.0, (head(1), 100, 60), background=90) == [1]
    assert tracks(tracker, 0.2, (head(2), 102, 61), background=200) == [2]
    assert tracks(tracker, 0.4, (head(1), 100, 60), background=90) == [1], "back after a cut away"


def test_a_face_elsewhere_is_somebody_else() -> None:
    tracker = FaceTracker()
    assert tracks(tracker, 0.0, (head(1), 10, 60)) == [1]
    assert tracks(tracker, 0.2, (head(1), 220, 60)) == [2]


@pytest.mark.parametrize("size", [40, 80, 160])
def test_a_talking_mouth_moves_and_a_moving_head_does_not(size: int) -> None:
    talking, still, nodding = FaceTracker(), FaceTracker(), FaceTracker()
    moved: dict[str, list[float]] = {"talking": [], "still": [], "nodding": []}
    for step in range(8):
        place = (50 + 3 * (step % 3), 30 + 4 * (step % 2))
        for name, tracker, face in (
            ("talking", talking, (head(1, size, mouth=step % 3 + 1), *place)),
            ("still", still, (head(1, size), 50, 30)),
            ("nodding", nodding, (head(1, size), *place)),
        ):
            moved[name] += [seen.mouth_motion for seen in tracker.update(step / 5, *frame(face))]
    assert moved["talking"][0] == 0, "nothing to compare the first look with"
    assert min(moved["talking"][1:]) > 0.5
    assert max(moved["still"]) == 0
    assert max(moved["nodding"]) < 0.1


def test_light_that_changes_is_no_motion() -> None:
    tracker = FaceTracker()
    texture = head(1) // 2
    for step, light in enumerate((0, 60, 20, 110)):
        (seen,) = tracker.update(step / 5, *frame((texture + np.uint8(light), 50, 50)))
        assert seen.mouth_motion < 0.05


def test_looks_too_far_apart_are_not_compared() -> None:
    tracker = FaceTracker()
    tracker.update(0.0, *frame((head(1, mouth=1), 50, 50)))
    (seen,) = tracker.update(1.2, *frame((head(1, mouth=2), 50, 50)))
    assert (seen.track, seen.mouth_motion) == (1, 0.0)


SCENES = st.lists(
    st.tuples(
        st.floats(0.05, 1.0),
        st.lists(st.tuples(st.integers(1, 4), st.integers(-40, 300), st.integers(-40, 220)), max_size=4),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(SCENES)
def test_any_scene_gives_each_face_a_track_of_its_own_and_repeats(
    scenes: Sequence[tuple[float, list[tuple[int, int, int]]]],
) -> None:
    def run() -> list[list[tuple[int, float]]]:
        tracker, time, answers = FaceTracker(), 0.0, list[list[tuple[int, float]]]()
        for pause, places in scenes:
            time += pause
            detections = [
                DetectedFace(
                    np.array([x, y, x + 60, y + 60], np.float32),
                    0.9,
                    ((x, y) + PLACES * 60).astype(np.float32),
                )
                for _, x, y in places
            ]
            image = np.random.default_rng(len(answers)).integers(0, 256, (240, 320, 3), dtype=np.uint8)
            answers.append(
                [(seen.track, seen.mouth_motion) for seen in tracker.update(time, image, detections)]
            )
        return answers

    answers = run()
    for (_, places), answer in zip(scenes, answers, strict=True):
        assert len({track for track, _ in answer}) == len(places)
        assert all(np.isfinite(motion) and motion >= 0 for _, motion in answer)
    assert answers == run()


class CountingDetector:
    """Finds `here` anywhere; follows as many of the known ones as are still `here`."""

    def __init__(self) -> None:
        self.here: list[DetectedFace] = []
        self.calls: list[str] = []

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        self.calls.append("detect")
        return list(self.here)

    def follow(self, image: np.ndarray, faces: list[DetectedFace]) -> list[DetectedFace]:
        self.calls.append("follow")
        return faces[: len(self.here)]


IMAGE = np.zeros((4, 4, 3), np.uint8)
FACE = DetectedFace(np.zeros(4, np.float32), 0.9, np.zeros((5, 2), np.float32))


def test_known_faces_are_looked_for_everywhere_once_a_second() -> None:
    detector = CountingDetector()
    detector.here = [FACE]
    finder = FaceFinder(detector, 10)
    for step in range(31):
        assert finder.find(step / 10, IMAGE) == [FACE]
    assert detector.calls.count("detect") == 4
    assert [step for step, call in enumerate(detector.calls) if call == "detect"] == [0, 10, 20, 30]


def test_a_lost_face_is_looked_for_at_once_but_not_in_every_frame() -> None:
    detector = CountingDetector()
    finder = FaceFinder(detector, 10)
    for step in range(21):
        finder.find(step / 10, IMAGE)
    assert detector.calls.count("detect") == 6, "nobody there: every 0.4 s"
    detector.calls.clear()
    detector.here = [FACE, FACE]
    assert len([finder.find(2.1 + step / 10, IMAGE) for step in range(4)][-1]) == 2
    detector.here = [FACE]
    assert finder.find(2.9, IMAGE) == [FACE]
    assert detector.calls[-2:] == ["follow", "detect"]
