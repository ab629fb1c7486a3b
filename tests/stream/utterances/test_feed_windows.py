"""When what is seen is labelled by itself: without sound at all, when sound stays away, and while somebody is
there."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock, BlockCutter
from emotrack.stream.hearing.vad import SileroVad
from emotrack.stream.seeing.sightings import SeenBody, Sighting
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk
from emotrack.stream.utterances.feed import SOUND_PATIENCE, Ended, Opened, TrackedFeed
from emotrack.stream.utterances.utterance import Utterance
from helpers.media.speech import demo_speech

BODY = SeenBody(np.array([0, 0, 10, 20], np.float32), np.zeros(3, np.float32))
NOISE = np.random.default_rng(0).normal(0, 1e-3, 1024).astype(np.float32)
FRAME = 0.2
"""Seconds from one sighting to the next."""


@pytest.fixture
def feed() -> TrackedFeed:
    """A feed whose camera is up and whose microphone has not been heard of."""
    made = TrackedFeed(0, "room", SileroVad().stream(), SegmentationSettings(), itertools.count(1))
    made.change("video", 0.0, up=True)
    return made


def see_bodies(feed: TrackedFeed, start: float, end: float, *, every: int) -> list[Utterance]:
    """A body in each frame in which bodies are looked for, which is every `every`-th; the windows that
    end."""
    ended = []
    for index in range(round(start / FRAME), round(end / FRAME)):
        bodies = (BODY,) if index % every == 0 else None
        happened = feed.see(
            Sighting(0, round(index * FRAME, 3), (), bodies, dark=False, picture=(320, 240)), label=True
        )
        ended += [event.utterance for event in happened if isinstance(event, Ended)]
    return ended


def hear_noise(feed: TrackedFeed, start: float, end: float) -> None:
    """A quiet room from `start` to `end`; block indices count from the feed's first block."""
    for index in range(round(start / BLOCK_SECONDS), round(end / BLOCK_SECONDS)):
        feed.hear(AudioBlock(index, round(index * BLOCK_SECONDS, 6), NOISE, NOISE[:512]))


def test_a_body_looked_for_once_a_second_counts_as_there_in_between(feed: TrackedFeed) -> None:
    windows = see_bodies(feed, 0.0, 13.0, every=5)
    assert [(window.start, window.end) for window in windows] == [(0, 4), (4, 8), (8, 12)]


def test_a_picture_a_little_longer_than_its_sound_makes_no_window_of_its_own(feed: TrackedFeed) -> None:
    feed.change("audio", 0.0, up=True)
    hear_noise(feed, 0.0, 3.2)
    feed.change("audio", 3.2, up=False)
    assert see_bodies(feed, 0.0, 4.4, every=1) == []
    (event,) = feed.end()
    window = event.utterance
    assert (window.start, window.silence) == (0.0, "no speech")
    assert window.end == pytest.approx(3.0)


def test_who_says_nothing_is_labelled_in_windows_until_somebody_speaks(feed: TrackedFeed) -> None:
    feed.change("audio", 0.0, up=True)
    hear_noise(feed, 0.0, 6.4)
    windows = see_bodies(feed, 0.0, 6.4, every=1)
    assert [(window.start, window.end, window.silence) for window in windows] == [(0.0, 4.0, "no speech")]
    assert feed.window is not None
    speech = demo_speech()[round(0.7 * AUDIO_RATE) : round(2.7 * AUDIO_RATE)]
    cutter = BlockCutter()
    happened = [
        one
        for block in cutter.push(AudioChunk(6.4, speech))
        if isinstance(block, AudioBlock)
        for one in feed.hear(replace(block, index=block.index + 200))[1]
    ]
    ended, opened = happened[:2]
    assert isinstance(ended, Ended) and isinstance(opened, Opened)
    assert ended.utterance.end is not None and ended.utterance.end <= opened.utterance.start
    assert ended.utterance.number < opened.utterance.number and feed.window is None


def test_sound_that_stays_away_is_waited_for_and_then_done_without(feed: TrackedFeed) -> None:
    feed.change("audio", 0.0, up=True)
    see_bodies(feed, 0.0, 3.0, every=1)
    assert feed.window is not None
    assert SOUND_PATIENCE <= feed.window.start < SOUND_PATIENCE + 2 * FRAME


def test_sound_that_comes_ends_the_window(feed: TrackedFeed) -> None:
    feed.change("audio", 0.0, up=True)
    see_bodies(feed, 0.0, 3.0, every=1)
    _, ended = feed.hear(AudioBlock(0, 3.0, NOISE, NOISE[:512]))
    assert len(ended) == 1 and feed.window is None
    assert see_bodies(feed, 3.0, 3.4, every=1) == []


def test_the_longest_utterance_finds_all_that_was_seen_at_the_greatest_rate(feed: TrackedFeed) -> None:
    for frame in range(100 * 30):
        feed.see(Sighting(0, frame / 30, (), None, dark=False, picture=(320, 240)), label=False)
    assert len(feed.sightings.between(5.0, 95.0)) == 90 * 30 + 1
    feed.see(Sighting(0, 1_000.0, (), None, dark=False, picture=(320, 240)), label=False)
    assert len(feed.sightings.between(0.0, 1_000.0)) == 1


def test_a_window_never_reaches_into_the_sound_that_follows_it(feed: TrackedFeed) -> None:
    """Sound that begins later than the picture."""
    feed.change("audio", 0.0, up=True)
    see_bodies(feed, 0.0, 3.0, every=1)
    begins = 2.72
    _, ended = feed.hear(AudioBlock(0, begins, NOISE, NOISE[:512]))
    (event,) = ended
    assert event.utterance.start == pytest.approx(1.6) and event.utterance.end == begins


@pytest.mark.parametrize("cut", ["sound", "picture", "end"])
def test_a_glimpse_before_something_cuts_it_short_makes_no_label(feed: TrackedFeed, cut: str) -> None:
    feed.change("audio", 0.0, up=True)
    assert see_bodies(feed, 0.0, 2.2, every=1) == []
    assert feed.needs_sights(AudioBlock(0, 2.2, NOISE, NOISE[:512]))
    if cut == "sound":
        _, ended = feed.hear(AudioBlock(0, 2.2, NOISE, NOISE[:512]))
    else:
        ended = feed.end() if cut == "end" else feed.change("video", 2.2, up=False)
    assert ended == [] and feed.summary.utterances == 0 and feed.window is None
    if cut == "sound":
        hear_noise(feed, 2.24, 3.0)
        assert see_bodies(feed, 2.2, 3.0, every=1) == []
