"""Which faces can be read, and what is said of those that cannot."""

import numpy as np
import pytest
from PIL import Image

from emotrack.engines.encoders.face.expression import PLACES, crop_face
from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import SMALLEST, TURNED, FaceQuality, quality_of
from emotrack.stream.seeing.sightings import SeenFace, Sighting
from emotrack.stream.utterances.appearance import look_at

GOOD = FaceQuality(size=120, sharpness=0.2, turn=0.05, shown=1.0)


def picture(side: int = 192) -> tuple[np.ndarray, np.ndarray]:
    """A drawn face, uint8 [side, side, 3], and its landmarks."""
    scale = side / 48
    rows, columns = (np.mgrid[:side, :side] + 0.5) / scale
    grey = 180 - 60 * (((columns - 24) / 20) ** 2 + ((rows - 26) / 24) ** 2 > 1)
    for x, y in PLACES[:2]:
        grey = np.where(((columns - x) / 4) ** 2 + ((rows - y) / 2) ** 2 < 1, 40, grey)
    grey = np.where((abs(columns - 24) < 8) & (abs(rows - 38) < 2), 70, grey)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8), (PLACES * scale).astype(np.float32)


def quality(image: np.ndarray, landmarks: np.ndarray) -> FaceQuality:
    return quality_of(crop_face(image, landmarks), landmarks)


def test_a_large_sharp_face_from_the_front_can_be_read() -> None:
    found = quality(*picture())
    assert found.obstacle is None
    assert found.size == pytest.approx(192, rel=0.01)
    assert found.turn == pytest.approx(0, abs=0.01)


def test_a_face_of_few_pixels_is_too_small() -> None:
    assert quality(*picture(round(SMALLEST) - 2)).obstacle == "face too small"


def test_a_face_turned_away_is_told_by_its_nose_whichever_way_the_head_leans() -> None:
    image, landmarks = picture()
    eyes = float(landmarks[1, 0] - landmarks[0, 0])
    for angle in (0.0, 0.5):
        for side in (-1, 1):
            turned = landmarks.copy()
            turned[2, 0] += side * (TURNED + 0.05) * eyes
            cosine, sine = np.cos(angle), np.sin(angle)
            turned = turned @ np.array([[cosine, sine], [-sine, cosine]], np.float32)
            assert quality(image, turned).turn == pytest.approx(TURNED + 0.05, rel=0.01)
            assert quality(image, turned).obstacle == "face turned away"


def test_a_mask_before_the_mouth_covers_a_face() -> None:
    image, landmarks = picture()
    image[29 * 4 :] = 150
    assert quality(image, landmarks).obstacle == "face covered"


def test_a_blur_lowers_the_sharpness_until_a_face_cannot_be_read() -> None:
    image, landmarks = picture()
    seen = []
    for side in (192, 24, 12, 5):
        small = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
        seen.append(quality(np.asarray(small.resize((192, 192), Image.Resampling.BICUBIC)), landmarks))
    assert [one.sharpness for one in seen] == sorted((one.sharpness for one in seen), reverse=True)
    assert seen[0].obstacle is None and seen[-1].obstacle == "face blurred"


def test_light_and_contrast_are_no_quality() -> None:
    image, landmarks = picture()
    dim = quality((image // 3 + 10).astype(np.uint8), landmarks)
    bright = quality(image, landmarks)
    assert dim.sharpness == pytest.approx(bright.sharpness, rel=0.05)
    assert dim.shown == pytest.approx(bright.shown, rel=0.05)


def test_landmarks_in_one_point_are_no_face_but_no_error() -> None:
    image, _ = picture()
    assert quality(image, np.full((5, 2), 50, np.float32)).obstacle == "face too small"


def sighting(time: float, *qualities: FaceQuality) -> Sighting:
    faces = []
    for track, one in enumerate(qualities, 1):
        seen = FaceObservation(
            time,
            track,
            np.array([0, 0, 9, 9], np.float32),
            0.99,
            np.zeros((5, 2), np.float32),
            0.0,
            since=0.0,
        )
        faces.append(
            SeenFace(
                seen,
                np.full((48, 48), round(time), np.uint8),
                one,
                np.full(3, time, np.float32),
                np.zeros(8, np.float32),
            )
        )
    return Sighting(0, time, tuple(faces), None, dark=False, picture=(320, 240))


def test_only_the_looks_that_can_be_read_count_and_carry_how_well() -> None:
    away = FaceQuality(120, 0.2, 0.6, 1.0)
    track, faces, _ = look_at([sighting(0, away), sighting(1, GOOD), sighting(2, away)], None, "no frame")
    assert track == 1 and faces.tokens is not None and faces.crops is not None
    assert faces.tokens[:, 0].tolist() == [1] and faces.crops[:, 0, 0].tolist() == [1]
    assert faces.qualities == (GOOD,)


def test_where_none_can_be_read_the_commonest_obstacle_is_told_and_the_face_is_still_theirs() -> None:
    away, small = FaceQuality(120, 0.2, 0.6, 1.0), FaceQuality(5, 0.2, 0, 1.0)
    track, faces, _ = look_at([sighting(0, small), sighting(1, away), sighting(2, away)], None, "no frame")
    assert (track, faces.tokens, faces.reason) == (1, None, "face turned away")
