"""What is said of a session when it is over: what was heard and seen, and of feeds without a label why there
is none."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.stream.sources.media import MediaItem, VideoFrame
from emotrack.stream.utterances.summary import FeedSummary, Summary
from helpers.media.scripted import Items, LoudnessVad, Scripted, by_time, cheap, clip_part, sound, up
from helpers.sessions.tracking import Workbench

pytestmark = pytest.mark.xdist_group("live session")
HUSH = 1e-3


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything loud is speech."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)


def summary(workbench: Workbench, *feeds: Items | Callable[[], Items], real_faces: bool = False) -> Summary:
    """Of a session over feeds called a, b and so on."""
    sources = [Scripted(name, items) for name, items in zip("abc", feeds, strict=False)]
    encoders = workbench.encoders if real_faces else cheap(workbench.encoders)
    loop, _ = workbench.loop(sources, "stream.modalities=[audio,face]", transcribe=False, encoders=encoders)
    loop.run()
    return loop.summary


def pictures(level: int) -> list[MediaItem]:
    """Two seconds of a camera that shows noise up to this level."""
    noise = np.random.default_rng(1).integers(0, level + 1, (48, 64, 3), np.uint8)
    return [VideoFrame(n / 5, noise) for n in range(10)]


def test_a_session_with_labels_is_summed_up_in_one_sentence(workbench: Workbench) -> None:
    told = summary(
        workbench, [*up("audio"), *sound((0.5, HUSH), (1.5, 0.2), (1.0, HUSH), (0.5, 0.2), (1.0, HUSH))]
    )
    (feed,) = told.feeds
    assert (feed.utterances, feed.labels) == (2, 2) and feed.speech == pytest.approx(2.0, abs=0.1)
    assert feed.heard == pytest.approx(4.5, abs=0.1) and feed.silent == 0
    assert told.sentence == "2 labels from 2 s of speech and 0 faces."


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([*up("audio"), *sound((3.0, HUSH))], "no speech in 3 s of sound"),
        (
            [*up("audio"), *sound((1.0, HUSH), (0.1, 0.2), (1.0, HUSH), (0.1, 0.2), (1.0, HUSH))],
            "speech, nowhere 0.2 s of it together",
        ),
        ([*up("audio"), *sound((3.0, 0.0))], "3 s of digital silence"),
        ([*up("video"), *pictures(255)], "no face in 10 pictures"),
        ([*up("video"), *pictures(1)], "all 10 pictures dark"),
        (
            by_time(up("audio", "video"), sound((2.0, HUSH)), pictures(255)),
            "no speech in 2 s of sound, no face in 10 pictures",
        ),
        ([], "it gave neither sound nor picture"),
    ],
    ids=["quiet", "too short", "muted", "nobody", "dark", "quiet and nobody", "nothing"],
)
def test_without_a_label_it_is_said_what_was_discarded(
    workbench: Workbench, items: list[MediaItem], why: str
) -> None:
    told = summary(workbench, items)
    assert not told.labels and told.feeds[0].why_nothing(None).endswith(why)
    assert told.sentence == f"no label of a: {told.feeds[0].why_nothing(None)}."


def test_a_face_that_nobody_speaks_with_is_labelled_by_itself(workbench: Workbench) -> None:
    items = by_time(up("audio", "video"), sound((3.0, HUSH)), clip_part(0.0, 3.0, at=0.0, sounds=False))
    (feed,) = summary(workbench, items, real_faces=True).feeds
    assert feed.faces >= 1 and feed.with_faces > 0 and feed.labels == 1


def test_a_face_that_does_not_move_is_told(workbench: Workbench) -> None:
    (frame,) = (item for item in clip_part(0.0, 0.1, at=0.0, sounds=False) if isinstance(item, VideoFrame))
    (feed,) = summary(
        workbench, [*up("video"), *(VideoFrame(n / 5, frame.image) for n in range(10))], real_faces=True
    ).feeds
    assert not feed.labels and feed.why_nothing(None) == "a face in 10 of 10 pictures, which did not move"


def test_each_feed_without_a_label_is_told_beside_those_with_one(workbench: Workbench) -> None:
    def failing() -> list[MediaItem]:
        raise UserError("the camera is gone.")

    speaking = [*up("audio"), *sound((0.5, HUSH), (1.0, 0.2), (1.0, HUSH))]
    quiet = [*up("audio"), *sound((2.0, HUSH))]
    told = summary(workbench, speaking, quiet, failing)
    assert told.sentence == (
        "1 label from 1 s of speech and 0 faces. no label of b: no speech in 2 s of sound. no label of c: "
        "the camera is gone."
    )


def test_a_session_that_was_stopped_at_once_says_so(workbench: Workbench) -> None:
    loop, _ = workbench.loop([Scripted("a", [])], transcribe=False, encoders=cheap(workbench.encoders))
    loop.stop()
    loop.run()
    assert (
        loop.summary.sentence
        == "no label of a: the session was stopped after 0.0 s, before any sound or picture came of it."
    )


def test_a_session_that_was_stopped_before_a_label_says_when(workbench: Workbench) -> None:
    def quiet() -> Iterator[MediaItem]:
        yield from [*up("audio"), *sound((3.0, HUSH))]
        loop.stop()

    loop, _ = workbench.loop([Scripted("a", quiet)], transcribe=False, encoders=cheap(workbench.encoders))
    loop.run()
    told = r"no label of a: no speech in [0-3] s of sound; the session was stopped after [0-3]\.\d s\."
    assert re.fullmatch(told, loop.summary.sentence)


def test_stopping_when_all_is_over_changes_nothing(workbench: Workbench) -> None:
    loop, _ = workbench.loop([Scripted("a", [])], transcribe=False, encoders=cheap(workbench.encoders))
    loop.run()
    loop.stop()
    assert loop.summary.sentence == "no label of a: it gave neither sound nor picture."


def test_beside_labels_it_is_said_what_was_left_out(workbench: Workbench) -> None:
    (frame,) = (item for item in clip_part(0.0, 0.1, at=0.0, sounds=False) if isinstance(item, VideoFrame))
    poster = [VideoFrame(n / 5, frame.image) for n in range(25)]
    speech = sound((0.5, HUSH), (1.0, 0.2), (3.5, HUSH))
    told = summary(workbench, by_time(up("audio", "video"), speech, poster), real_faces=True)
    assert (
        told.sentence == "1 label from 1 s of speech and 2 faces. left out of a: 2 faces that did not move."
    )
    dark = summary(workbench, by_time(up("audio", "video"), speech, pictures(1)))
    assert dark.sentence == "1 label from 1 s of speech and 0 faces. left out of a: all 10 pictures dark."


def test_an_utterance_without_its_label_is_told() -> None:
    feed = FeedSummary("a", minimum_speech=0.2, speech_threshold=0.5, speech=3.0, utterances=3, labels=2)
    assert Summary((feed,)).sentence == (
        "2 labels from 3 s of speech and 0 faces. left out of a: 1 utterance cut off before the label."
    )
