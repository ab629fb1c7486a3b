"""What another ear says of sound that was heard already: utterances open, go on and are split by it, and no
block is in two of them or lost."""

import itertools
from concurrent.futures import Future

import numpy as np
import pytest

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock
from emotrack.stream.hearing.vad import SileroVad
from emotrack.stream.seeing.sightings import SeenBody, Sighting
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.utterances.feed import Ended, FeedEvent, Opened, Paused, TrackedFeed
from emotrack.stream.utterances.utterance import Utterance

NOISE = np.random.default_rng(0).normal(0, 1e-3, 1024).astype(np.float32)
BODY = SeenBody(np.array([0, 0, 10, 20], np.float32), np.zeros(3, np.float32))


@pytest.fixture
def feed() -> TrackedFeed:
    """A feed of which another ear may find speech in the last 1.2 seconds."""
    made = TrackedFeed(
        0, "room", SileroVad().stream(), SegmentationSettings(), itertools.count(1), reconsidered=1.2
    )
    made.change("video", 0.0, up=True)
    made.change("audio", 0.0, up=True)
    return made


def hear(feed: TrackedFeed, first: int, end: int) -> list[FeedEvent]:
    """Blocks of a room in which the feed's own ear hears nobody."""
    return [
        event
        for index in range(first, end)
        for event in feed.hear(AudioBlock(index, round(index * BLOCK_SECONDS, 6), NOISE, NOISE[:512]))[1]
    ]


def body(moment: float) -> Sighting:
    """Somebody is seen at session time `moment`."""
    return Sighting(0, moment, (), (BODY,), dark=False, picture=(320, 240))


def ended(events: list[FeedEvent]) -> list[Utterance]:
    return [event.utterance for event in events if isinstance(event, Ended)]


def test_an_utterance_is_split_where_somebody_else_begins_and_no_block_is_lost(feed: TrackedFeed) -> None:
    hear(feed, 0, 90)
    events = feed.hear_again([*range(60, 90)], [75])
    assert [type(event) for event in events] == [Opened, Ended, Opened]
    (first,) = ended(events)
    events = hear(feed, 90, 130)
    assert [type(event) for event in events] == [Paused, Ended]
    (second,) = ended(events)
    assert [*first.heard, *second.heard] == [*range(53, 95)]
    assert second.number == first.number + 1
    assert first.end == pytest.approx(75 * BLOCK_SECONDS) == second.start


def test_speech_found_in_a_pause_belongs_to_the_utterance(feed: TrackedFeed) -> None:
    hear(feed, 0, 90)
    feed.hear_again([*range(60, 90)], [])
    assert [type(event) for event in hear(feed, 90, 102)] == [Paused]
    assert feed.paused
    assert feed.hear_again([*range(94, 102)], []) == [] and not feed.paused
    (utterance,) = ended(hear(feed, 102, 140))
    assert [*utterance.heard] == [*range(53, 107)]


def test_speech_found_too_late_to_be_followed_by_more_is_an_utterance_at_once(feed: TrackedFeed) -> None:
    hear(feed, 0, 100)
    events = feed.hear_again([*range(64, 80)], [])
    assert [type(event) for event in events] == [Opened, Paused, Ended]
    (utterance,) = ended(events)
    assert [*utterance.heard] == [*range(57, 85)] and feed.utterance is None


def test_a_window_of_who_is_silent_never_reaches_into_speech_that_is_found_later(feed: TrackedFeed) -> None:
    windows: list[Utterance] = []
    for block in range(400):
        windows += ended(hear(feed, block, block + 1))
        if block % 6 == 0:
            windows += ended(feed.see(body(block * BLOCK_SECONDS), label=True))
    events = feed.hear_again([*range(370, 400)], [])
    windows += [one for one in ended(events) if one.silence]
    assert windows and feed.utterance is not None
    assert all(window.end is not None and window.end <= feed.utterance.start for window in windows)


@pytest.mark.parametrize("watched_since", [0.0, 2.9, 3.1])
def test_a_window_without_sound_never_reaches_into_speech_that_is_found_later(
    feed: TrackedFeed, watched_since: float
) -> None:
    windows: list[Utterance] = []
    for block in range(100):
        if block % 6 == 0 and block * BLOCK_SECONDS >= watched_since:
            windows += ended(feed.see(body(block * BLOCK_SECONDS), label=True))
        windows += ended(hear(feed, block, block + 1))
    for moment in np.arange(100 * BLOCK_SECONDS, 8.0, 0.2):  # pictures go on, sound does not
        windows += ended(feed.see(body(float(moment)), label=True))
    windows += ended(feed.hear_again([*range(80, 100)], []))
    windows += [one for one in ended(feed.end(8.0)) if one.silence]
    speech = range(80 - 7, 100)  # with what comes before its start
    assert any(window.silence == "no audio" for window in windows)
    for window in windows:
        assert window.end is not None
        assert window.end <= speech.start * BLOCK_SECONDS or window.start >= speech.stop * BLOCK_SECONDS


def test_what_was_made_of_an_utterance_holds_no_more_when_it_is_split(feed: TrackedFeed) -> None:
    hear(feed, 0, 90)
    feed.hear_again([*range(60, 90)], [])
    hear(feed, 90, 97)
    utterance = feed.utterance
    assert utterance is not None and utterance.paused
    wanted: Future[Transcript] = Future()
    utterance.transcript, made = wanted, utterance.resumptions
    feed.hear_again([], [75])
    assert wanted.cancelled() and utterance.transcript is None and utterance.resumptions > made


def test_a_pause_that_is_none_of_news_is_left_alone(feed: TrackedFeed) -> None:
    hear(feed, 0, 90)
    feed.hear_again([*range(60, 90)], [])
    hear(feed, 90, 97)
    assert feed.utterance is not None
    before = feed.utterance.resumptions
    assert feed.hear_again([*range(70, 90)], []) == [] and feed.paused
    assert feed.utterance.resumptions == before


def test_what_lies_too_far_back_to_be_held_opens_nothing(feed: TrackedFeed) -> None:
    hear(feed, 0, 900)
    assert feed.hear_again([*range(100, 140)], []) == []
    assert feed.hear_again([*range(880, 900)], [100, 881, 899]) != []


def test_no_utterance_is_shorter_than_the_least_speech(feed: TrackedFeed) -> None:
    hear(feed, 0, 90)
    events = feed.hear_again([*range(60, 90)], [54, 75, 77, 88])
    assert [len(utterance.heard) for utterance in ended(events)] == [22]
