"""Pictures of any shape fitted into those of a network, and boxes taken back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.pictures import letterbox

WIDTH, HEIGHTS = 64, (32, 48, 64)
SIDE = st.integers(1, 200)


@given(SIDE, SIDE)
def test_every_picture_is_whole_in_the_middle_of_grey(height: int, width: int) -> None:
    fitted = letterbox(np.full((height, width, 3), 200, np.uint8), WIDTH, HEIGHTS)
    assert fitted.picture.shape[0] in HEIGHTS and fitted.picture.shape[1:] == (WIDTH, 3)
    (left, top), (across, down) = fitted.corner, fitted.inner
    inside = np.zeros(fitted.picture.shape, bool)
    inside[top : top + down, left : left + across] = True
    assert (fitted.picture[inside] == 200).all() and (fitted.picture[~inside] == 114).all()
    assert across == WIDTH or down == HEIGHTS[-1]
    assert abs(left - (WIDTH - left - across)) <= 1 and abs(top - (len(fitted.picture) - top - down)) <= 1
    assert not any(down <= smaller < len(fitted.picture) for smaller in HEIGHTS)


@given(SIDE, SIDE)
def test_boxes_come_back_to_where_they_were_and_stay_in_the_picture(height: int, width: int) -> None:
    fitted = letterbox(np.zeros((height, width, 3), np.uint8), WIDTH, HEIGHTS)
    whole = np.array([*fitted.corner, *(np.add(fitted.corner, fitted.inner))], np.float32)
    beyond = whole + np.array([-9, -9, 9, 9], np.float32)
    np.testing.assert_allclose(fitted.back(np.stack([whole, beyond])), [[0, 0, width, height]] * 2, rtol=1e-6)


def test_a_picture_that_fits_is_left_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert np.array_equal(letterbox(picture, WIDTH, HEIGHTS).picture, picture)


@pytest.mark.parametrize("shape", [(480, 854), (1080, 1920), (90, 160), (300, 225)])
def test_pictures_are_scaled_as_where_the_networks_learnt(shape: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    fitted = letterbox(picture, 640, (640,))
    (left, top), (across, down) = fitted.corner, fitted.inner
    scaled = cv2.resize(picture, (across, down), interpolation=cv2.INTER_LINEAR)
    assert np.abs(fitted.picture[top : top + down, left : left + across].astype(int) - scaled).max() <= 1
