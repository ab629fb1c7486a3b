"""Faces found by MTCNN's real weights, at any size of picture, and followed from one picture to the next."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from emotrack.engines.face_detection import DetectedFace, FaceDetector


def resized(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def assert_is_the_astronaut(face: DetectedFace, scale: float = 1.0, shift: tuple[float, float] = (0, 0)) -> None:
    """Eyes, nose and mouth lie where a person sees them in the portrait, within a few of its pixels."""
    expected = np.array([[204, 102], [246, 104], [226, 129], [203, 140], [246, 142]])
    np.testing.assert_allclose(face.landmarks, expected * scale + shift, atol=8 * scale)


@pytest.mark.parametrize("size", [128, 256, 512, 1600])
def test_a_face_is_found_at_any_size_of_picture(detector: FaceDetector, astronaut: np.ndarray, size: int) -> None:
    faces = detector.detect(resized(astronaut, size))
    assert_is_the_astronaut(faces[0], size / 512)
    assert faces[0].probability > 0.99
    left, top, right, bottom = faces[0].box * (512 / size)
    assert 150 < left < 190 < 260 < right < 300 and 40 < top < 90 < 160 < bottom < 220


def test_the_same_picture_gives_the_same_faces_in_plain_floats(detector: FaceDetector, astronaut: np.ndarray) -> None:
    first, second = detector.detect(astronaut), detector.detect(astronaut)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.box.dtype == one.landmarks.dtype == np.float32
        assert one.box.shape == (4,) and one.landmarks.shape == (5, 2)
        assert isinstance(one.probability, float)
        assert np.array_equal(one.box, other.box) and np.array_equal(one.landmarks, other.landmarks)


def test_faces_come_largest_first_and_no_more_than_asked(astronaut: np.ndarray) -> None:
    scene = np.zeros((512, 1100, 3), np.uint8)
    for place, size in ((0, 256), (270, 400), (700, 320)):
        scene[:size, place : place + size] = resized(astronaut, size)
    faces = FaceDetector(maximum_faces=2).detect(scene)
    assert [300 < face.box[0] < 600 for face in faces] == [True, False]
    assert faces[0].area > faces[1].area


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (19, 19), (24, 30), (480, 640)])
def test_pictures_without_faces_give_none(detector: FaceDetector, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for picture in (np.zeros((*shape, 3), np.uint8), np.full((*shape, 3), 255, np.uint8), noise):
        assert detector.detect(picture) == []


def test_a_moving_face_is_followed(detector: FaceDetector, astronaut: np.ndarray) -> None:
    faces = detector.detect(astronaut)[:1]
    for step in range(1, 6):
        faces = detector.follow(np.roll(astronaut, (step * 4, step * 8), axis=(0, 1)), faces)
        assert len(faces) == 1
        assert_is_the_astronaut(faces[0], shift=(step * 8, step * 4))


def test_what_is_gone_is_not_followed(detector: FaceDetector, astronaut: np.ndarray) -> None:
    faces = detector.detect(astronaut)
    assert detector.follow(np.zeros_like(astronaut), faces) == []
    assert detector.follow(np.roll(astronaut, 256, axis=1), faces[:1]) == []
    assert detector.follow(astronaut[:60, :60], faces) == []
    assert detector.follow(astronaut, []) == []


def test_two_followed_faces_that_became_one_are_one(detector: FaceDetector, astronaut: np.ndarray) -> None:
    (face, *_) = detector.detect(astronaut)
    near = DetectedFace(face.box + 3, face.probability, face.landmarks + 3)
    assert len(detector.follow(astronaut, [face, near])) == 1


def test_scaling_down_loses_no_real_face(detector: FaceDetector, reference_data: Path) -> None:
    """A minimum of two faces in each frame of the interview, whatever the working size."""
    with av.open(str(reference_data / "clips" / "interview_two_people.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)][::110]
    small = FaceDetector(working_size=480)
    assert [len(detector.detect(frame)) for frame in frames] == [2] * len(frames)
    assert [len(small.detect(frame)) for frame in frames] == [2] * len(frames)
