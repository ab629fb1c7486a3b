"""Speech probabilities to events: the rules one by one, then the properties that hold for any
probabilities."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from emotrack.stream.hearing.segmentation import (
    Segmenter,
    SegmentEvent,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from emotrack.stream.settings import SegmentationSettings

MINIMUM, PRE_ROLL, POST_ROLL, HANGOVER, MAXIMUM = 7, 7, 5, 16, 250
"""The default settings in blocks of 32 ms."""

YES, NO = 0.9, 0.1


def run(*stretches: tuple[int, float]) -> list[tuple[int, SegmentEvent]]:
    """Events, each with the block after which it came, of stretches given as count and probability."""
    segmenter = Segmenter(SegmentationSettings())
    heard = [probability for count, probability in stretches for _ in range(count)]
    found = [
        (block, event) for block, probability in enumerate(heard) for event in segmenter.step(probability)
    ]
    return found + [(len(heard), event) for event in segmenter.flush()]


def test_an_utterance_with_its_rolls_and_moments() -> None:
    assert run((20, NO), (10, YES), (30, NO)) == [
        (20 + MINIMUM - 1, SpeechStarted(20 - PRE_ROLL)),
        (30 + POST_ROLL - 1, SpeechPaused(30 + POST_ROLL)),
        (30 + HANGOVER - 1, SpeechEnded(20 - PRE_ROLL, 30 + POST_ROLL, 30 + HANGOVER - 1, "silence")),
    ]


def test_less_than_the_minimum_of_speech_is_nothing() -> None:
    assert run((20, NO), (MINIMUM - 1, YES), (30, NO)) == []
    assert run((20, NO), (MINIMUM - 1, YES), (POST_ROLL, NO), (MINIMUM - 1, YES), (30, NO)) == []


def test_speech_adds_up_over_silence_shorter_than_the_post_roll() -> None:
    found = run((20, NO), (4, YES), (POST_ROLL - 1, NO), (3, YES), (30, NO))
    assert found[0] == (20 + 4 + POST_ROLL - 1 + 2, SpeechStarted(20 - PRE_ROLL))


def test_speech_begins_high_and_goes_on_lower() -> None:
    assert run((20, 0.45), (20, 0.45)) == []
    assert run((20, NO), (1, 0.5), (10, 0.36), (30, 0.34))[-1][1] == SpeechEnded(13, 36, 46, "silence")


def test_a_pause_within_the_hangover_belongs_to_the_utterance() -> None:
    assert [event for _, event in run((10, NO), (10, YES), (HANGOVER - 1, NO), (1, YES), (40, NO))] == [
        SpeechStarted(3),
        SpeechPaused(25),
        SpeechResumed(),
        SpeechPaused(41),
        SpeechEnded(3, 41, 51, "silence"),
    ]


def test_a_dip_shorter_than_the_post_roll_is_no_pause() -> None:
    found = [event for _, event in run((10, NO), (10, YES), (POST_ROLL - 1, NO), (10, YES), (40, NO))]
    assert [type(event) for event in found] == [SpeechStarted, SpeechPaused, SpeechEnded]


def test_pre_roll_never_reaches_into_the_utterance_before() -> None:
    found = [event for _, event in run((10, YES), (HANGOVER, NO), (10, YES), (40, NO))]
    assert found[0] == SpeechStarted(0)
    assert found[2] == SpeechEnded(0, 15, 25, "silence")
    assert found[3] == SpeechStarted(19)
    late = Segmenter(SegmentationSettings(pre_roll=1.0))
    starts = [
        event.start
        for probability in [YES] * 10 + [NO] * HANGOVER + [YES] * 10
        for event in late.step(probability)
        if isinstance(event, SpeechStarted)
    ]
    assert starts == [0, 15]


def test_too_long_an_utterance_is_split_at_the_weakest_point_of_its_later_half() -> None:
    found = run((100, YES), (1, 0.4), (100, YES), (1, 0.5), (200, YES), (40, NO))
    assert found[:3] == [
        (MINIMUM - 1, SpeechStarted(0)),
        (MAXIMUM - 1, SpeechEnded(0, 201, MAXIMUM - 1, "maximum")),
        (MAXIMUM - 1, SpeechStarted(201)),
    ]
    assert found[-1][1] == SpeechEnded(201, 402 + POST_ROLL, 402 + HANGOVER - 1, "silence")


def test_speech_that_resumes_beyond_the_maximum_is_split_in_the_pause() -> None:
    found = [event for _, event in run((MAXIMUM - 5, YES), (10, NO), (20, YES), (40, NO))]
    assert found == [
        SpeechStarted(0),
        SpeechPaused(MAXIMUM),
        SpeechResumed(),
        SpeechEnded(0, MAXIMUM - 5, MAXIMUM + 5, "maximum"),
        SpeechStarted(MAXIMUM - 5),
        SpeechPaused(MAXIMUM + 30),
        SpeechEnded(MAXIMUM - 5, MAXIMUM + 30, MAXIMUM + 25 + HANGOVER - 1, "silence"),
    ]


def test_flush_ends_the_open_utterance_and_starts_anew() -> None:
    segmenter = Segmenter(SegmentationSettings())
    for _ in range(20):
        segmenter.step(YES)
    assert segmenter.flush() == [SpeechEnded(0, 20, 19, "end of feed")]
    assert segmenter.flush() == []
    assert [event for _ in range(MINIMUM) for event in segmenter.step(YES)] == [SpeechStarted(20)]
    for _ in range(10):
        segmenter.step(NO)
    assert segmenter.flush() == [SpeechEnded(20, 27 + POST_ROLL, 36, "end of feed")]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"end_threshold": 0.6}, "end_threshold"),
        ({"hangover": 0.1}, "hangover"),
        ({"maximum": 1.0}, "maximum"),
        ({"window": 1.0}, "window"),
        ({"minimum_speech": 0}, "minimum_speech"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(wrong: dict[str, float], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SegmentationSettings.model_validate(wrong)


@st.composite
def some_settings(draw: st.DrawFn) -> SegmentationSettings:
    post_roll = draw(st.floats(0.03, 0.3))
    hangover = post_roll + draw(st.floats(0, 0.5))
    minimum, pre_roll = draw(st.floats(0.03, 0.3)), draw(st.floats(0, 0.5))
    maximum = 2 * (hangover + minimum + pre_roll) + draw(st.floats(0.1, 3))
    return SegmentationSettings(
        post_roll=post_roll, hangover=hangover, minimum_speech=minimum, pre_roll=pre_roll, maximum=maximum
    )


SPEAKING = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([0.05, 0.3, 0.4, 0.6, 0.95])), min_size=1, max_size=40
).map(lambda stretches: [probability for count, probability in stretches for _ in range(count)])


@settings(max_examples=300, deadline=None)
@given(chosen=some_settings(), heard=st.one_of(SPEAKING, st.lists(st.floats(0, 1), max_size=300)))
def test_events_are_well_formed(chosen: SegmentationSettings, heard: list[float]) -> None:
    segmenter = Segmenter(chosen)
    limit = chosen.maximum / 0.032 + chosen.post_roll / 0.032 + 1
    start: int | None = None
    paused: int | None = None
    last_end = 0
    for block in range(len(heard) + 1):
        ending = block == len(heard)
        for event in segmenter.flush() if ending else segmenter.step(heard[block]):
            if isinstance(event, SpeechStarted):
                assert start is None
                assert last_end <= event.start <= block
                start, paused = event.start, None
                continue
            assert start is not None
            if isinstance(event, SpeechPaused):
                assert paused is None
                assert event.end == block + 1
                paused = event.end
            elif isinstance(event, SpeechResumed):
                assert paused is not None
                paused = None
            else:
                assert event.start == start < event.end <= min(block + 1, len(heard))
                assert event.end - event.start <= limit
                assert event.endpoint == (block - 1 if ending else block)
                assert (event.cause == "end of feed") == ending
                assert event.cause != "silence" or event.end == paused
                start, last_end = None, event.end
    assert start is None, "flush closes"


@settings(max_examples=300, deadline=None)
@given(chosen=some_settings(), heard=SPEAKING, data=st.data())
def test_events_are_well_formed_whatever_another_ear_says(
    chosen: SegmentationSettings, heard: list[float], data: st.DataObject
) -> None:
    segmenter = Segmenter(chosen)
    limit = chosen.maximum / 0.032 + chosen.post_roll / 0.032 + 1
    start: int | None = None
    paused: int | None = None
    last_end = 0
    for count in range(1, len(heard) + 2):
        if count > len(heard):
            events = segmenter.flush()
        else:
            events = segmenter.step(heard[count - 1])
            if count % 16 == 0:
                first = max(0, count - 32)
                voiced = data.draw(
                    st.lists(st.integers(first, count - 1), max_size=20, unique=True).map(sorted)
                )
                events += segmenter.hear_again(voiced)
                for turn in data.draw(st.lists(st.integers(0, count), max_size=2).map(sorted)):
                    events += segmenter.split(turn)
        for event in events:
            if isinstance(event, SpeechStarted):
                assert start is None and last_end <= event.start <= count
                assert event.start >= count - segmenter.reach, "the sound of it is still held"
                start, paused = event.start, None
                continue
            assert start is not None
            if isinstance(event, SpeechPaused):
                assert paused is None and start < event.end <= count
                paused = event.end
            elif isinstance(event, SpeechResumed):
                assert paused is not None
                paused = None
            else:
                assert event.start == start < event.end <= count
                assert event.end - event.start <= limit
                assert event.cause != "silence" or event.end == paused
                start, last_end = None, event.end
    assert start is None, "flush closes"


def test_speech_that_this_ear_missed_opens_holds_and_splits_an_utterance() -> None:
    segmenter = Segmenter(SegmentationSettings())
    for _ in range(40):
        segmenter.step(NO)
    assert segmenter.hear_again([*range(20, 40)]) == [SpeechStarted(20 - PRE_ROLL)]
    told = [event for _ in range(HANGOVER - 1) for event in segmenter.step(NO)]
    assert told == [SpeechPaused(40 + POST_ROLL)]
    assert segmenter.hear_again([*range(45, 55)]) == [SpeechResumed()]
    assert segmenter.split(47) == [
        SpeechEnded(20 - PRE_ROLL, 47, 40 + HANGOVER - 2, "turn"),
        SpeechStarted(47),
    ]
    assert [event for _ in range(HANGOVER) for event in segmenter.step(NO)] == [
        SpeechPaused(55 + POST_ROLL),
        SpeechEnded(47, 55 + POST_ROLL, 55 + HANGOVER - 1, "silence"),
    ]


def test_a_moment_of_speech_opens_nothing() -> None:
    segmenter = Segmenter(SegmentationSettings())
    for _ in range(40):
        segmenter.step(NO)
    assert segmenter.hear_again([*range(30, 30 + MINIMUM - 1)]) == []
    assert segmenter.split(35) == []


def test_speech_that_only_another_ear_hears_is_split_at_the_maximum_too() -> None:
    segmenter = Segmenter(SegmentationSettings())
    events: list[SegmentEvent] = []
    for count in range(1, 3 * MAXIMUM):
        events += segmenter.step(NO)
        if count % 10 == 0:
            events += segmenter.hear_again([*range(max(0, count - 20), count)])
    ended = [event for event in events if isinstance(event, SpeechEnded)]
    assert len(ended) >= 2 and all(event.end - event.start <= MAXIMUM for event in ended)


@settings(max_examples=200, deadline=None)
@given(heard=SPEAKING)
def test_no_speech_of_the_minimum_length_is_lost(heard: list[float]) -> None:
    segmenter = Segmenter(SegmentationSettings())
    found = [*(event for probability in heard for event in segmenter.step(probability)), *segmenter.flush()]
    covered = {
        block for event in found if isinstance(event, SpeechEnded) for block in range(event.start, event.end)
    }
    run_start = 0
    for block in range(len(heard) + 1):
        if block == len(heard) or heard[block] < 0.5:
            if block - run_start >= MINIMUM:
                assert covered.issuperset(range(run_start, block))
            run_start = block + 1
