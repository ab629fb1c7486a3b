"""Which face spoke: by its mouth, in hand-made observations and in the demonstration clip."""

from collections.abc import Sequence

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.demo import clip_path
from emotrack.demo.render import CAMERA_COVERED, DURATION, LINES
from emotrack.engines.encoders.face.detection import open_face_detector
from emotrack.stream.seeing.faces import FaceObservation, FaceTracker
from emotrack.stream.seeing.vision import FaceFinder
from emotrack.stream.utterances.appearance import speaking_face
from helpers.networks.engines import pool


def seen(time: float, track: int, motion: float) -> FaceObservation:
    return FaceObservation(time, track, np.zeros(4, np.float32), 0.99, np.zeros((5, 2), np.float32), motion)


def test_no_face_gives_none_and_a_single_face_is_the_one() -> None:
    assert speaking_face([]) is None
    for motion in (0.0, 2.0):
        answer = speaking_face([seen(0.0, 7, motion), seen(0.2, 7, motion)])
        assert answer is not None and (answer.track, answer.confidence) == (7, 1.0)


def test_the_moving_mouth_wins_and_the_margin_says_how_sure() -> None:
    clear = speaking_face(
        [seen(step, track, motion) for step in range(5) for track, motion in ((1, 0.05), (2, 0.9))]
    )
    close = speaking_face(
        [seen(step, track, motion) for step in range(5) for track, motion in ((1, 0.8), (2, 0.9))]
    )
    still = speaking_face([seen(step, track, 0.0) for step in range(5) for track in (1, 2)])
    assert clear is not None and close is not None and still is not None
    assert (clear.track, close.track) == (2, 2)
    assert clear.confidence > 0.9 > 0.6 > close.confidence > 0.5
    assert still.confidence == pytest.approx(0.5)


def test_a_face_that_passed_by_loses_to_one_that_was_there() -> None:
    there = [seen(step, 1, 0.4) for step in range(10)]
    answer = speaking_face([*there, seen(3, 2, 1.5), seen(4, 2, 1.5)])
    assert answer is not None and answer.track == 1


LOOKS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 4), st.integers(0, 50)),
    min_size=1,
    unique_by=lambda look: look[:2],
)


@given(LOOKS)
def test_order_does_not_matter(looks: list[tuple[int, int, int]]) -> None:
    answer, reverse = (speaking_face([seen(*look) for look in order]) for order in (looks, looks[::-1]))
    assert answer is not None and reverse is not None
    assert answer.confidence == pytest.approx(reverse.confidence)
    assert 1 / 4 - 1e-9 <= answer.confidence <= 1 + 1e-9


@pytest.fixture(scope="module")
def demonstration() -> Sequence[FaceObservation]:
    """The faces of the demonstration clip at five frames a second."""
    finder, tracker = FaceFinder(open_face_detector(pool("onnx-cpu")), 10), FaceTracker()
    observations, due = [], 0.0
    with av.open(str(clip_path())) as clip:
        for frame in clip.decode(video=0):
            if frame.time + 1e-6 >= due:
                due += 0.2
                image = frame.to_ndarray(format="rgb24")
                observations += tracker.update(frame.time, image, finder.find(frame.time, image))
    return observations


def test_the_speaker_of_each_line_of_the_demonstration_is_found(
    demonstration: Sequence[FaceObservation],
) -> None:
    for line in LINES:
        end = line.start + len(line.words) / 16
        if CAMERA_COVERED[0] <= line.start < CAMERA_COVERED[1]:
            continue
        during = [face for face in demonstration if line.start <= face.time < end]
        speaking = speaking_face(during)
        assert speaking is not None and speaking.confidence > 0.5
        places = {face.box[0] > 320 for face in during if face.track == speaking.track}
        assert places == {bool(line.speaker)}, line.words


def test_two_people_are_two_tracks_before_and_after_the_camera_was_covered(
    demonstration: Sequence[FaceObservation],
) -> None:
    seen = (0, CAMERA_COVERED[0]), (CAMERA_COVERED[1], DURATION)
    spans = [{face.track for face in demonstration if start <= face.time < end} for start, end in seen]
    assert [len(span) for span in spans] == [2, 2]
    assert not spans[0] & spans[1]
