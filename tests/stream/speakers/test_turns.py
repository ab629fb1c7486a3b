"""Turns on one feed: found where they change, wherever the sound is cut; and listened for only where somebody
may speak."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.assign import VoicedSpeakers
from emotrack.stream.speakers.clusters import Merged, VoiceClusters
from emotrack.stream.speakers.ear import Listener
from emotrack.stream.speakers.listening import Listening
from emotrack.stream.speakers.timeline import Spoken, Timeline
from emotrack.stream.speakers.turns import (
    HOP,
    LAG,
    OVERDUE,
    PATIENCE,
    SHORTEST,
    SURE,
    YOUNG,
    FeedTurns,
    HeardAgain,
    quietest,
    turns_in,
)
from helpers.media.voices import Line, heard, hears, learn, listenings, said


def spoken(*runs: tuple[int, int]) -> Spoken:
    """Blocks in which 1, 2 or nobody (0) speaks, so many each."""
    who = np.repeat([speaker for speaker, _ in runs], [count for _, count in runs])
    activity = np.stack([who == 1, who == 2], 1).astype(np.float64)
    return Spoken((who > 0).astype(np.float64), (1, 2), activity)


@pytest.mark.parametrize(
    ("runs", "over", "expected"),
    [
        ([(1, 60)], True, ()),
        ([(1, 60), (2, 60)], True, (60,)),
        ([(1, 60), (0, 10), (2, 60)], True, (65,)),
        ([(1, 60), (2, 60), (1, 30)], True, (60, 120)),
        ([(1, 60), (2, SURE - 1)], False, ()),
        ([(1, 60), (2, SURE - 1)], True, (60,)),
        ([(1, 60), (2, SHORTEST - 1), (1, 60)], True, ()),
        ([(2, SHORTEST - 1), (1, 60)], True, ()),
        ([(0, 30)], True, ()),
        ([(1, 3)], True, ()),
    ],
)
def test_a_turn_is_where_somebody_else_speaks_for_long_enough(
    runs: list[tuple[int, int]], over: bool, expected: tuple[int, ...]
) -> None:
    assert turns_in(spoken(*runs), over=over) == expected


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60)), min_size=1, max_size=12), st.booleans())
def test_turns_rise_and_lie_inside(runs: list[tuple[int, int]], over: bool) -> None:
    found = turns_in(spoken(*runs), over=over)
    assert list(found) == sorted(set(found))
    assert all(0 < place < sum(count for _, count in runs) for place in found)


def test_a_turn_is_put_where_it_is_quietest_nearby() -> None:
    levels = np.ones(100)
    levels[44:47] = 0
    levels[90:93] = 0
    assert quietest(levels, 50) == 45
    assert abs(quietest(np.ones(100), 50) - 50) <= 8


@dataclass(frozen=True)
class Failing:
    """Cannot listen."""

    def listen(self, end: int, samples: np.ndarray) -> Listening:
        raise RuntimeError("the network is gone")

    def reset(self) -> None:
        pass


@dataclass
class Scripted:
    """Hears what a script says, and counts how often it was asked."""

    lines: Sequence[Line]
    delay: float = 0.0
    asked: int = 0

    def listen(self, end: int, samples: np.ndarray) -> Listening:
        self.asked += 1
        time.sleep(self.delay)
        return heard(self.lines, end)

    def reset(self) -> None:
        pass


@dataclass(frozen=True)
class Sound:
    """A block."""

    index: int
    samples_16k: np.ndarray


@contextmanager
def listening(listener: Listener, *, patient: bool = True) -> Iterator[FeedTurns]:
    """A feed to which `listener` listens, on a thread of its own."""
    speakers = VoicedSpeakers(SpeakerSettings())
    with ThreadPoolExecutor(1) as thread:
        yield FeedTurns(
            speakers.ear("room", listener),
            partial(speakers.take, "room"),
            partial(speakers.between, "room"),
            thread,
            patient=patient,
        )


def speak(
    feed: FeedTurns, blocks: Iterable[int], speech: float = 0.9, open_from: int | None = 0
) -> list[HeardAgain]:
    """Sound in which somebody may speak: what is told meanwhile."""
    told = [
        feed.hear(Sound(index, np.full(512, 0.1, np.float32)), speech, open_from, paused=False)
        for index in blocks
    ]
    return [news for news in told if news is not None]


def after(lines: Sequence[Line]) -> Callable[[int, int], Spoken]:
    """Who speaks when in a conversation that was listened to from end to end."""
    speakers = VoicedSpeakers(SpeakerSettings())
    for listening in listenings(lines):
        learn(speakers, "room", listening)
    return partial(speakers.between, "room")


def follow(
    lines: Sequence[Line], blocks: int, *, delay: float = 0.0, first: int = 0, speech: float | None = None
) -> tuple[list[tuple[int, HeardAgain]], Scripted]:
    """What a patient run tells of a scripted feed, by block, all of it one open utterance."""
    scripted = Scripted(lines, delay)
    told = []
    with listening(scripted) as feed:
        for index in range(first, blocks):
            talks = any(line.first <= index < line.end for line in lines)
            level = (0.9 if talks else 0.0) if speech is None else speech
            told += [(index, news) for news in speak(feed, [index], level)]
        last = feed.finish(0)
        if last is not None:
            told.append((blocks, last))
    return told, scripted


CALL = said((1, 150), (2, 120), (1, 150))


def test_changes_of_a_conversation_without_pauses_are_found_within_a_second() -> None:
    told, _ = follow(CALL, 420)
    known: dict[int, int] = {}
    for index, news in told:
        for turn in news.turns:
            true = min((150, 270), key=lambda change: abs(change - turn))
            if abs(true - turn) <= 12:
                known.setdefault(true, index)
    assert known.keys() == {150, 270}
    assert known[270] - 270 <= SURE + HOP + LAG + 12, "both voices are known by then"


def test_a_slow_machine_changes_nothing_in_an_ordered_run() -> None:
    assert follow(CALL, 420)[0] == follow(CALL, 420, delay=0.005)[0]


def test_nothing_is_listened_to_where_nobody_may_speak() -> None:
    _, scripted = follow([], 2000, speech=0.0)
    assert scripted.asked <= 1, "only when the feed ends, for what is open then"
    lines = said((0, 500), (1, 60), (0, 1000))
    _, scripted = follow(lines, 1500)
    assert scripted.asked <= (60 + 2 * PATIENCE) / HOP + 3


def test_speech_that_was_missed_is_told() -> None:
    told, _ = follow(said((1, 100)), 100, speech=0.1)
    assert {*range(YOUNG - 2 * HOP + 1, 100)} <= {block for _, news in told for block in news.voiced}


def test_what_lies_before_a_gap_is_not_heard_again() -> None:
    scripted = Scripted(CALL)
    with listening(scripted) as feed:
        speak(feed, [*range(YOUNG - 1), *range(500, 500 + YOUNG - 1)])
        assert scripted.asked == 0, "neither side of the gap is long enough by itself"
        speak(feed, [500 + YOUNG - 1])
    assert scripted.asked == 1


def test_who_spoke_is_said_by_the_names_that_voices_have_now() -> None:
    between = after(said((1, 200), (2, 200)))
    whole = between(0, 400)
    named = [whole.speakers[place] for place in whole.first_voice if place >= 0]
    assert whole.speakers == (1, 2)
    assert named[20] == 1 and named[-20] == 2
    assert between(390, 500).speech[20:].max() == 0, "what was not heard is not known"


@given(st.integers(1, 300), st.integers(1, 300))
@settings(deadline=None, max_examples=20)
def test_a_stretch_is_told_the_same_alone_and_within_more(first: int, count: int) -> None:
    between = after(CALL)
    whole, part = between(0, 700), between(first, first + count)
    assert np.allclose(part.speech, whole.speech[first : first + count])
    for place, speaker in enumerate(part.speakers):
        column = whole.activity[first : first + count, whole.speakers.index(speaker)]
        assert np.allclose(part.activity[:, place], column)


def test_a_listening_that_fails_is_told_and_nothing_more_is_listened_to() -> None:
    with listening(Failing()) as feed:
        told = speak(feed, range(200))
        assert str(feed.failure) == "the network is gone"
        assert not any(news.turns or news.voiced for news in told)
        assert feed.finish(0) is None


def test_a_live_feed_does_not_wait_for_a_listening_that_takes_long() -> None:
    with listening(Scripted(CALL, delay=3.0), patient=False) as feed:
        assert speak(feed, range(60)) == []
        began = time.monotonic()
        feed.finish(0)
        assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("patient", [False, True])
def test_a_live_listening_that_hangs_is_overdue_until_it_is_back(patient: bool) -> None:
    """One that may wait for it is never."""
    go = threading.Event()

    class Hanging(Scripted):
        def listen(self, end: int, samples: np.ndarray) -> Listening:
            if not patient:
                go.wait(60)
            return super().listen(end, samples)

    with listening(Hanging(CALL), patient=patient) as feed:
        speak(feed, range(YOUNG + OVERDUE - 1))
        assert not feed.overdue
        speak(feed, range(YOUNG + OVERDUE - 1, 2 * YOUNG + OVERDUE))
        assert feed.overdue == (not patient)
        go.set()
        deadline = time.monotonic() + 20
        while feed.overdue:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_what_follows_the_end_of_the_sound_is_heard_by_itself() -> None:
    scripted = Scripted(CALL)
    with listening(scripted) as feed:
        speak(feed, range(100))
        feed.finish(0)
        asked = scripted.asked
        speak(feed, range(100, 100 + YOUNG - 1), open_from=None)
        assert scripted.asked == asked


def test_a_name_that_was_given_up_is_never_said_again() -> None:
    clusters, timeline = VoiceClusters(SpeakerSettings()), Timeline("room")
    for listening in listenings(said((1, 150), (2, 200))):
        timeline.add(listening, clusters.learn("room", listening.windows))
    voices = clusters.voices
    assert timeline.between(0, 350, voices).speakers == (1, 2)
    told = dict.fromkeys(voices.told, 1)
    merged = replace(voices, told=told, merged={2: Merged(2, 1, 0.9)})
    assert timeline.between(0, 350, merged).speakers == (1,)


def test_what_comes_back_late_takes_nothing_back() -> None:
    speakers = VoicedSpeakers(SpeakerSettings())
    late = hears(speakers, "slow", heard(CALL, 100))
    speakers.take("fast", hears(speakers, "fast", heard(CALL, 420)))
    known = speakers.between("fast", 110, 400).speakers
    speakers.take("slow", late)
    assert speakers.between("fast", 110, 400).speakers == known == (1, 2)
