"""Where a head is turned to, from five points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.seeing.pose import FACE, head_pose


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The mean face turned so, as its points lie in a picture."""
    y, p, r = np.radians([yaw, pitch, roll])
    sideways = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    upwards = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    leaning = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points: np.ndarray = (FACE @ (leaning @ sideways @ upwards).T)[:, :2]
    return points


ANGLES = st.floats(-60, 60)


@given(ANGLES, ANGLES, ANGLES, st.floats(8, 400), st.floats(-500, 500))
def test_the_pose_of_the_mean_face_is_found_wherever_it_is(
    yaw: float, pitch: float, roll: float, size: float, place: float
) -> None:
    found = head_pose(turned(yaw, pitch, roll) * size + place)
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=0.1)


def test_a_nose_to_the_right_is_a_face_to_the_right_and_one_higher_a_face_up() -> None:
    points = turned(0, 0, 0)
    right, up = points.copy(), points.copy()
    right[2, 0] += 0.2
    up[2, 1] -= 0.2
    assert head_pose(right).yaw > 5 and head_pose(up).pitch > 5


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.ones((5, 2)) * 7, np.arange(10).reshape(5, 2)])
def test_points_that_are_no_face_give_numbers_all_the_same(points: np.ndarray) -> None:
    found = head_pose(points.astype(np.float32))
    assert np.isfinite([found.yaw, found.pitch, found.roll]).all()
