"""Which faces are looked at for whose they are: living ones that can be read, one in a frame, and soon
rarely; and the one face in a picture of somebody who is to be known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.face.detection import DetectedFace, open_face_detector
from emotrack.errors import UserError
from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import FaceQuality
from emotrack.stream.seeing.recognition import FIRST, LATER, SMALLEST, SOON, IdentityLooks, only_face
from helpers.media.portraits import portrait
from helpers.networks.engines import pool

BOX = np.array([0, 0, 90, 90], np.float32)
CLEAR = FaceQuality(90, 0.3, 0.0, 1.0)


def face(track: int, time: float) -> FaceObservation:
    return FaceObservation(time, track, BOX, 0.99, np.zeros((5, 2), np.float32), 0.0, since=0.0)


def test_a_face_is_looked_at_often_at_first_and_then_rarely() -> None:
    looks, times = IdentityLooks(), []
    for step in range(300):
        if looks.choose([face(1, step / 5)], [CLEAR]) is not None:
            times.append(step / 5)
    gaps = np.diff(times)
    assert times[0] == 0 and np.allclose(gaps[: FIRST - 1], SOON) and np.allclose(gaps[FIRST - 1 :], LATER)


@given(st.integers(1, 8), st.integers(1, 100))
def test_every_face_has_its_turn_one_in_a_frame(faces: int, frames: int) -> None:
    looks, seen = IdentityLooks(), dict.fromkeys(range(1, faces + 1), 0)
    for step in range(frames):
        here = [face(track, step / 5) for track in seen]
        place = looks.choose(here, [CLEAR] * faces)
        if place is not None:
            seen[here[place].track] += 1
    assert max(seen.values()) - min(seen.values()) <= 1 or frames > FIRST * faces
    assert frames < faces or min(seen.values()) >= 1


@pytest.mark.parametrize(
    ("observation", "quality"),
    [
        (replace(face(1, 0.0), since=None), CLEAR),
        (replace(face(1, 0.0), motionless=True), CLEAR),
        (face(1, 0.0), replace(CLEAR, size=SMALLEST - 1)),
        (face(1, 0.0), replace(CLEAR, turn=1.0)),
        (face(1, 0.0), replace(CLEAR, shown=0.0)),
    ],
    ids=["perhaps a picture", "a picture", "small", "turned", "covered"],
)
def test_what_is_no_clear_face_of_a_person_is_not_looked_at(
    observation: FaceObservation, quality: FaceQuality
) -> None:
    assert IdentityLooks().choose([observation], [quality]) is None


def test_the_one_face_of_a_picture_is_found() -> None:
    image = portrait()
    detector = open_face_detector(pool("onnx-cpu"))
    assert np.array_equal(only_face(detector, image), detector.detect(image)[0].box)
    twice = np.concatenate([image, image], axis=1)
    with pytest.raises(UserError, match=r"^There are 2 faces in it: give a picture in which that person "):
        only_face(detector, twice)
    with pytest.raises(UserError, match=r"^There is no face in it: "):
        only_face(detector, np.zeros((200, 200, 3), np.uint8))


def test_a_face_that_is_too_small_to_be_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = open_face_detector(pool("onnx-cpu"))
    tiny = np.array([[60, 60], [70, 60], [65, 66], [61, 71], [69, 71]], np.float32)
    found = DetectedFace(np.array([55, 50, 75, 76], np.float32), 0.99, tiny)
    monkeypatch.setattr(detector, "detect", lambda image: [found])
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    with pytest.raises(UserError, match=r"^The face in it is .*: give a clearer picture\.$"):
        only_face(detector, noise)
