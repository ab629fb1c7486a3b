"""Bodies: what describes them never sees a face, whatever the YOLO file; people found by random and by
trained weights."""

from pathlib import Path

import av
import numpy as np
import pytest

from emotrack.engines.encoders.body.bodies import BodyEncoder, PersonDetector, open_body
from emotrack.engines.encoders.body.posture import POSTURE_DIM, describe_posture, match_faces
from helpers.networks.engines import pool

pytestmark = pytest.mark.xdist_group("yolo")  # one worker makes and compiles the networks for all of them
BODY = np.array([40, 10, 140, 230], np.float32)
FACE = np.array([70, 20, 110, 70], np.float32)


def picture(seed: int = 0) -> np.ndarray:
    """Blocks of random colour: edges everywhere."""
    blocks = np.random.default_rng(seed).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    return blocks.repeat(10, axis=0).repeat(10, axis=1)


def test_nothing_within_a_face_counts() -> None:
    image, other = picture(), picture(1)
    changed = image.copy()
    changed[20:70, 70:110] = other[20:70, 70:110]
    assert np.array_equal(
        describe_posture(image, BODY, [FACE], 0), describe_posture(changed, BODY, [FACE], 0)
    )
    assert not np.array_equal(
        describe_posture(image, BODY, [], None), describe_posture(changed, BODY, [], None)
    )


def test_somebody_elses_face_in_the_box_does_not_count_either() -> None:
    image = picture()
    other = np.array([60, 150, 90, 190], np.float32)
    changed = image.copy()
    changed[150:190, 60:90] = 255 - changed[150:190, 60:90]
    described = describe_posture(image, BODY, [FACE, other], 0)
    assert np.array_equal(described, describe_posture(changed, BODY, [FACE, other], 0))


def test_a_pose_is_told_whatever_the_light() -> None:
    image = picture() // 2
    described = describe_posture(image, BODY, [FACE], 0)
    np.testing.assert_allclose(described, describe_posture(image + 60, BODY, [FACE], 0), atol=1e-3)
    assert np.abs(described - describe_posture(picture(1) // 2, BODY, [FACE], 0)).max() > 0.05


@pytest.mark.parametrize(
    "box", [(-50, -50, 400, 400), (199, 239, 300, 300), (10, 10, 10, 10), (-90, -90, -10, -10)]
)
@pytest.mark.parametrize("image", [picture(), np.zeros((240, 200, 3), np.uint8)])
def test_any_box_gives_finite_numbers(box: tuple[int, ...], image: np.ndarray) -> None:
    faces = [FACE, np.array([-500, -500, 500, 500], np.float32)]
    described = describe_posture(image, np.array(box, np.float32), faces, 0)
    assert described.shape == (POSTURE_DIM,) and described.dtype == np.float32
    assert np.isfinite(described).all()


def test_a_face_belongs_to_the_body_whose_head_it_is() -> None:
    behind = np.array([0, 0, 200, 240], np.float32)
    outside = np.array([180, 0, 198, 20], np.float32)
    assert match_faces([BODY, behind], [FACE]) == [0, None]
    assert match_faces([behind, BODY], [outside, FACE]) == [0, 1]
    assert match_faces([BODY], [outside]) == [None]
    assert match_faces([], [FACE]) == []


def test_random_weights_run_and_repeat(random_yolo: Path, engines: Path, astronaut: np.ndarray) -> None:
    encoder = open_body(pool("onnx-cpu", engines), random_yolo)
    bodies, again = encoder.describe(astronaut, []), encoder.describe(astronaut, [])
    assert 0 < len(bodies) <= 8
    assert [body.box.tolist() for body in bodies] == [body.box.tolist() for body in again]
    assert all(body.descriptor.shape == (encoder.dim,) and body.probability > 0.5 for body in bodies)


def test_the_largest_come_first_and_no_more_than_asked() -> None:
    boxes = np.array([[0, 0, 20, 40], [50, 0, 100, 90], [200, 0, 210, 20]], np.float32)
    encoder = BodyEncoder(Seeing(boxes), maximum_bodies=2)
    assert [box.tolist() for box, _ in encoder.boxes(picture())] == [boxes[1].tolist(), boxes[0].tolist()]


class Seeing(PersonDetector):
    """Sees the same persons in every picture."""

    def __init__(self, found: np.ndarray) -> None:
        self.found = found

    def boxes(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.found, np.full(len(self.found), 0.9, np.float32)


def test_building_leaves_the_working_directory_and_the_users_settings_alone(engines: Path) -> None:
    assert list(engines.glob("*/engine.bin"))
    assert list((engines.parent / "work").iterdir()) == []
    assert not list((engines.parent / "home").glob("**/.config/Ultralytics"))


def test_trained_weights_find_the_two_people_of_the_interview(
    trained_yolo: Path, tmp_path: Path, reference_data: Path
) -> None:
    encoder = open_body(pool("onnx-cpu", tmp_path), trained_yolo)
    with av.open(str(reference_data / "clips" / "interview_two_people.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)][::200]
    for frame in frames:
        bodies = encoder.describe(frame, [])
        assert sorted(round(body.box[0] / 100) for body in bodies) == [1, 4]
        assert all(body.probability > 0.9 for body in bodies)
    one, other = (encoder.describe(frames[0], [])[index].descriptor for index in (0, 1))
    later = encoder.describe(frames[1], [])[0].descriptor
    assert np.linalg.norm(one - later) < np.linalg.norm(one - other)
