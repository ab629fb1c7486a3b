"""Faces found by MTCNN's real weights, at any size of picture, and followed from one picture to the next."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from emotrack.engines.encoders.face.detection import DetectedFace, FaceDetector, face_detection_specs
from emotrack.engines.running.pool import EnginePool
from helpers.networks.facenet import Facenet

PIXELS = 1e-2


@pytest.fixture(scope="module")
def facenet() -> Facenet:
    return Facenet()


def resized(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def frames(clip: Path, every: int) -> Iterator[np.ndarray]:
    with av.open(str(clip)) as opened:
        for number, frame in enumerate(opened.decode(video=0)):
            if number % every == 0:
                yield frame.to_ndarray(format="rgb24")


def assert_is_the_astronaut(
    face: DetectedFace, scale: float = 1.0, shift: tuple[float, float] = (0, 0)
) -> None:
    """Eyes, nose and mouth lie where a person sees them in the portrait, within a few of its pixels."""
    expected = np.array([[204, 102], [246, 104], [226, 129], [203, 140], [246, 142]])
    np.testing.assert_allclose(face.landmarks, expected * scale + shift, atol=8 * scale)


def assert_same(found: Sequence[DetectedFace], expected: Sequence[DetectedFace]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=PIXELS)
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=PIXELS)
        assert one.probability == pytest.approx(other.probability, abs=1e-4)


@pytest.mark.parametrize("size", [128, 256, 512, 1600])
def test_a_face_is_found_at_any_size_of_picture(
    detector: FaceDetector, astronaut: np.ndarray, size: int
) -> None:
    faces = detector.detect(resized(astronaut, size))
    assert_is_the_astronaut(faces[0], size / 512)
    assert faces[0].probability > 0.99
    left, top, right, bottom = faces[0].box * (512 / size)
    assert 150 < left < 190 < 260 < right < 300 and 40 < top < 90 < 160 < bottom < 220


def test_the_same_picture_gives_the_same_faces_in_plain_floats(
    detector: FaceDetector, astronaut: np.ndarray
) -> None:
    first, second = detector.detect(astronaut), detector.detect(astronaut)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.box.dtype == one.landmarks.dtype == np.float32
        assert one.box.shape == (4,) and one.landmarks.shape == (5, 2)
        assert isinstance(one.probability, float)
        assert np.array_equal(one.box, other.box) and np.array_equal(one.landmarks, other.landmarks)


def test_faces_come_largest_first(face_engines: EnginePool, astronaut: np.ndarray) -> None:
    scene = np.zeros((512, 1100, 3), np.uint8)
    for place, size in ((0, 256), (270, 400), (700, 320)):
        scene[:size, place : place + size] = resized(astronaut, size)
    faces = FaceDetector(*map(face_engines.engine, face_detection_specs())).detect(scene)
    assert [int(np.searchsorted([270, 700], face.box[0])) for face in faces] == [1, 2, 0]
    assert faces[0].area > faces[1].area > faces[2].area


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (19, 19), (24, 30), (480, 640)])
def test_pictures_without_faces_give_none(detector: FaceDetector, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for picture in (np.zeros((*shape, 3), np.uint8), np.full((*shape, 3), 255, np.uint8), noise):
        assert detector.detect(picture) == []


@pytest.mark.parametrize("size", [20, 21, 60, 127, 333, 512])
def test_the_portrait_as_facenet_pytorch_sees_it(
    detector: FaceDetector, facenet: Facenet, astronaut: np.ndarray, size: int
) -> None:
    picture = resized(astronaut, size)
    assert_same(detector.detect(picture), facenet.detect(picture))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.integers(20, 400),
    st.integers(20, 400),
    st.lists(
        st.tuples(st.integers(40, 300), st.integers(-80, 350), st.integers(-80, 350), st.integers(-40, 40)),
        max_size=4,
    ),
    st.integers(0, 120),
    st.integers(0, 99),
)
def test_any_scene_as_facenet_pytorch_sees_it(
    detector: FaceDetector,
    facenet: Facenet,
    astronaut: np.ndarray,
    height: int,
    width: int,
    people: list[tuple[int, int, int, int]],
    noise: int,
    seed: int,
) -> None:
    """Portraits of any size, place and tilt, over each other and past the border, in any noise.

    Of boxes that both find certain to the last bit either may keep another one, so the scenes are always the
    same.
    """
    scene = Image.new("RGB", (width, height), (90, 110, 130))
    for size, left, top, tilt in people:
        scene.paste(Image.fromarray(astronaut[:300, 80:380]).resize((size, size)).rotate(tilt), (left, top))
    grain = np.random.default_rng(seed).normal(0, noise, (height, width, 3))
    picture = (np.asarray(scene) + grain).clip(0, 255).astype(np.uint8)
    assert_same(detector.detect(picture), facenet.detect(picture))


@pytest.mark.parametrize(
    "name", ["interview_two_people", "six_faces", "sad_talking_head", "bodies_no_faces_silent"]
)
def test_clips_as_facenet_pytorch_sees_them(
    detector: FaceDetector, facenet: Facenet, reference_data: Path, name: str
) -> None:
    for picture in frames(reference_data / "clips" / f"{name}.mp4", every=150):
        expected = facenet.detect(picture)
        assert_same(detector.detect(picture), expected)
        if expected:
            later = np.roll(picture, 5, axis=1)
            assert_same(detector.follow(later, expected), facenet.follow(later, expected))


def test_a_moving_face_is_followed(detector: FaceDetector, astronaut: np.ndarray) -> None:
    faces = detector.detect(astronaut)[:1]
    for step in range(1, 6):
        faces = detector.follow(np.roll(astronaut, (step * 4, step * 8), axis=(0, 1)), faces)
        assert len(faces) == 1
        assert_is_the_astronaut(faces[0], shift=(step * 8, step * 4))


@settings(max_examples=50, deadline=None)
@given(st.integers(-70, 70), st.integers(-70, 70), st.floats(0.5, 1.5))
def test_following_sees_what_facenet_pytorch_s_o_net_sees(
    detector: FaceDetector, facenet: Facenet, astronaut: np.ndarray, across: int, down: int, size: float
) -> None:
    """From a guess that is more or less wrong, and may reach past the border."""
    picture = astronaut[60:, 150:]
    (face,) = detector.detect(picture)
    centre, half = (face.box[:2] + face.box[2:]) / 2, (face.box[2:] - face.box[:2]) / 2
    box = np.concatenate([centre - size * half, centre + size * half]) + np.array([across, down] * 2)
    guess = [DetectedFace(box.astype(np.float32), 1.0, face.landmarks)]
    assert_same(detector.follow(picture, guess), facenet.follow(picture, guess))


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


def test_scaling_down_loses_no_real_face(
    detector: FaceDetector, face_engines: EnginePool, reference_data: Path
) -> None:
    """A minimum of two faces in each frame of the interview, whatever the working size."""
    pictures = list(frames(reference_data / "clips" / "interview_two_people.mp4", every=110))
    small = FaceDetector(*map(face_engines.engine, face_detection_specs()), working_size=480)
    assert [len(detector.detect(picture)) for picture in pictures] == [2] * len(pictures)
    assert [len(small.detect(picture)) for picture in pictures] == [2] * len(pictures)


def test_torch_is_not_imported_to_detect() -> None:
    code = (
        "import emotrack.engines.encoders.face.detection, sys; sys.exit('torch' in sys.modules or "
        "'facenet_pytorch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
