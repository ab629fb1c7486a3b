"""How bodies move: told from two looks, in any picture, and without any face."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.body.bodies import BodyEncoder, PersonDetector
from emotrack.engines.encoders.body.motion import MOTION_DIM, look_at_body, match_bodies, motion
from emotrack.engines.encoders.body.posture import POSTURE_DIM

BOX = np.array([40, 10, 140, 210], np.float32)
RIGHT = np.array([1, 0, 1, 0], np.float32)
"""A step of one pixel."""
FACE = np.array([70, 20, 110, 70], np.float32)
NUMBERS = st.floats(-500, 500, width=32)
BOXES = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS).map(lambda edges: np.array(edges, np.float32))


def picture(seed: int = 0) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    return blocks.repeat(10, axis=0).repeat(10, axis=1)


def seen(image: np.ndarray, box: np.ndarray, face: np.ndarray = FACE) -> tuple[np.ndarray, np.ndarray]:
    return box, look_at_body(image, box, [face])


def test_who_keeps_still_does_not_move() -> None:
    one = seen(picture(), BOX)
    assert motion(one, one, 1.0).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_walk_is_told_in_body_heights_a_second(seconds: float) -> None:
    known, across, down, growth, stirred = motion(
        seen(picture(), BOX),
        seen(np.roll(picture(), 50, axis=1), BOX + 50 * RIGHT, FACE + 50 * RIGHT),
        seconds,
    )
    assert known == 1 and down == growth == stirred == 0
    assert across == pytest.approx(50 / 200 / seconds)


def test_who_comes_nearer_grows() -> None:
    grown = np.array([30, 0, 150, 240], np.float32)
    assert motion(seen(picture(), BOX), seen(picture(), grown), 1.0)[3] == pytest.approx(
        np.log(1.2), abs=1e-5
    )


def test_gestures_stir_and_faces_do_not() -> None:
    before = picture()
    talks, waves = before.copy(), before.copy()
    talks[20:70, 70:110] = 255 - talks[20:70, 70:110]
    waves[100:160, 40:90] = 255 - waves[100:160, 40:90]
    first = seen(before, BOX)
    assert motion(first, seen(talks, BOX), 1.0)[4] == 0
    assert motion(first, seen(waves, BOX), 1.0)[4] > 0.1


@pytest.mark.parametrize("seconds", [0.0, -1.0, 2.1, np.inf, np.nan])
def test_nothing_is_said_of_a_body_that_was_not_seen_lately(seconds: float) -> None:
    one = seen(picture(), BOX)
    assert not motion(one, one, seconds).any()
    assert not motion(None, one, 1.0).any()


@given(BOXES, BOXES, st.floats(0, 10))
def test_any_boxes_give_finite_numbers(before: np.ndarray, now: np.ndarray, seconds: float) -> None:
    moved = motion(seen(picture(), before), seen(picture(1), now), seconds)
    assert moved.shape == (MOTION_DIM,) and moved.dtype == np.float32 and np.isfinite(moved).all()


def test_bodies_are_those_that_share_most() -> None:
    left, right = BOX, BOX + 60 * RIGHT
    assert match_bodies([left, right], [right + 3, left + 3]) == [1, 0]
    assert match_bodies([left], [right + 300]) == [None]
    assert match_bodies([left], [left + 3, left]) == [None, 0], "nobody is two"
    assert match_bodies([], [left]) == [None] and match_bodies([left], []) == []


class Walking(PersonDetector):
    """Sees one person, further to the right each time."""

    def __init__(self) -> None:
        self.looks = 0

    def boxes(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.looks += 1
        return (BOX + 10 * self.looks * RIGHT)[None], np.ones(1, np.float32)


def test_the_encoder_describes_posture_and_motion() -> None:
    encoder = BodyEncoder(Walking())
    first = encoder.describe(picture(), [FACE])
    second = encoder.describe(picture(), [FACE], first, 1.0)
    assert not first[0].descriptor[POSTURE_DIM:].any()
    assert second[0].descriptor.shape == (encoder.dim,)
    assert second[0].descriptor[POSTURE_DIM : POSTURE_DIM + 2] == pytest.approx([1, 10 / 200])
