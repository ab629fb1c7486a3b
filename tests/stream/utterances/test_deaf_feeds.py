"""A speech detector that fails costs nothing for a moment, and what is said only while it fails."""

import itertools

import numpy as np
import pytest

from emotrack.stream.hearing.audio import AudioBlock
from emotrack.stream.seeing.sightings import SeenBody, Sighting
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.utterances.feed import UNDETECTED, Ended, FeedEvent, Opened, Paused, TrackedFeed

HUSH, SPEECH = 0.001, 0.2
LONG = 40
"""Blocks: more than an utterance has to last, and than the silence that ends it."""


class Detector:
    """Takes what is loud for speech, while it `works`; it is its own stream."""

    works = True

    def reset(self) -> None:
        pass

    def probability(self, block_16k: np.ndarray) -> float:
        if not self.works:
            raise RuntimeError("out of memory")
        return float(block_16k[0] > 0.03)


@pytest.fixture
def detector() -> Detector:
    return Detector()


@pytest.fixture
def feed(detector: Detector) -> TrackedFeed:
    made = TrackedFeed(0, "room", detector, SegmentationSettings(), itertools.count(1))  # type: ignore[arg-type]  # stands in
    made.change("audio", 0.0, up=True)
    return made


def hear(feed: TrackedFeed, blocks: int, loudness: float) -> list[FeedEvent]:
    """The feed's next blocks."""
    happened = []
    for _ in range(blocks):
        index = feed._next_index
        heard = np.full(1024, loudness, np.float32)
        happened += feed.hear(AudioBlock(index, round(index * 0.032, 6), heard, heard[:512]))[1]
    return happened


def kinds(happened: list[FeedEvent]) -> list[type[FeedEvent]]:
    return [type(event) for event in happened]


def test_for_a_second_speech_is_taken_to_go_on_as_it_was(feed: TrackedFeed, detector: Detector) -> None:
    assert kinds(hear(feed, LONG, SPEECH)) == [Opened]
    detector.works = False
    assert hear(feed, UNDETECTED, SPEECH) == []
    assert not feed.deaf and str(feed.failure) == "out of memory"
    detector.works = True
    assert hear(feed, LONG, SPEECH) == []
    assert not feed.deaf and feed.failure is None
    assert kinds(hear(feed, LONG, HUSH)) == [Paused, Ended]


def test_a_feed_that_is_deaf_ends_what_was_open_and_hears_again(
    feed: TrackedFeed, detector: Detector
) -> None:
    hear(feed, LONG, SPEECH)
    detector.works = False
    happened = hear(feed, UNDETECTED + LONG, SPEECH)
    assert feed.deaf and kinds(happened) == [Paused, Ended]
    assert hear(feed, 10 * LONG, SPEECH) == []
    detector.works = True
    assert kinds(hear(feed, LONG, SPEECH)) == [Opened]
    assert not feed.deaf


def test_who_is_seen_by_a_deaf_feed_is_labelled_as_without_sound(
    feed: TrackedFeed, detector: Detector
) -> None:
    feed.change("video", 0.0, up=True)
    detector.works = False
    hear(feed, UNDETECTED + LONG, SPEECH)
    body = SeenBody(np.array([0, 0, 10, 20], np.float32), np.zeros(3, np.float32))
    windows = []
    for step in range(25):
        moment = UNDETECTED * 0.032 + step * 0.2
        sighting = Sighting(0, moment, (), (body,), dark=False, picture=(320, 240))
        windows += [
            event.utterance for event in feed.see(sighting, label=True) if isinstance(event, Opened | Ended)
        ]
        hear(feed, 7, SPEECH)
    assert windows and {window.silence for window in windows} == {"no audio"}
