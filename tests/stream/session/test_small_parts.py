"""The loop's small parts: sampling grid, muted microphone, load ladder, sources that stall."""

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.running.priority import GIVEN_WAY, give_way
from emotrack.stream.hearing.audio import BLOCKS_UNTIL_MUTED, MutedDetector
from emotrack.stream.session.health import STEPS, LoadLadder
from emotrack.stream.session.intake import QUIET, Stalls
from emotrack.stream.sources.timing.clock import RateGrid


@given(st.lists(st.floats(0, 100), max_size=200).map(sorted), st.floats(0.2, 30))
def test_a_grid_takes_at_most_one_moment_a_step_and_never_skips_a_step_that_has_one(
    times: list[float], rate: float
) -> None:
    grid = RateGrid()
    taken = [moment for moment in times if grid.takes(moment, rate)]
    points = [int(moment * rate + 1e-6) for moment in taken]
    assert points == sorted(set(points))
    assert set(points) == {int(moment * rate + 1e-6) for moment in times}


STRETCHES = st.lists(
    st.tuples(st.floats(0.2, 30), st.lists(st.floats(0.001, 3), max_size=30)), min_size=1, max_size=8
)
"""Rates, each with the seconds from moment to moment while it holds."""


@given(STRETCHES, st.floats(0, 1e6))
def test_however_the_rate_changes_a_moment_is_taken_within_a_period_of_the_present_rate(
    stretches: list[tuple[float, list[float]]], start: float
) -> None:
    grid = RateGrid()
    now, taken = start, [start] if grid.takes(start, stretches[0][0]) else []
    for rate, pauses in stretches:
        before, first = len(taken), now
        for pause in pauses:
            now += pause
            if grid.takes(now, rate):
                taken.append(now)
            assert now - taken[-1] < 1 / rate + 1e-3
        # The points of the stretch, the one at its beginning, and one that is due since before it.
        assert len(taken) - before <= (now - first) * rate + 2


def test_a_rate_that_changes_under_a_reader_blinds_no_feed() -> None:
    """The reader has asked for the old rate, and the loop changes it before the grid is looked at."""
    grid = RateGrid()
    assert grid.takes(3_600.0, 5.0)
    assert not grid.takes(3_600.1, 2.5)
    assert grid.takes(3_600.2, 5.0)
    assert grid.takes(3_600.4, 2.5)


def test_only_lasting_digital_silence_is_a_muted_microphone() -> None:
    detector = MutedDetector()
    noise = np.random.default_rng(0).normal(0, 1e-3, 1024).astype(np.float32)
    nothing = np.zeros(1024, np.float32)
    assert not any(detector.step(noise) for _ in range(200))
    assert not any(detector.step(nothing) for _ in range(BLOCKS_UNTIL_MUTED - 1))
    assert detector.step(nothing) and detector.muted
    assert not detector.step(nothing)
    assert detector.step(noise) and not detector.muted


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_a_thread_that_gives_way_is_less_urgent_than_those_beside_it() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def urgency(_: object) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    with ThreadPoolExecutor(1, initializer=give_way) as thread:
        (given,) = thread.map(urgency, [None])
    assert given == min(before + GIVEN_WAY, 19)
    assert urgency(None) == before


def test_the_ladder_sheds_in_order_and_takes_back_in_reverse() -> None:
    ladder = LoadLadder()
    changes = [change for second in range(20) if (change := ladder.step(second, 2.0)) is not None]
    assert [change.step for change in changes] == list(STEPS)
    assert ladder.shedding == STEPS
    back = [change for second in range(20, 80) if (change := ladder.step(second, 0.0)) is not None]
    assert [change.step for change in back] == list(reversed(STEPS))
    assert not any(change.shed for change in back) and ladder.shedding == ()


@given(st.lists(st.floats(0, 3), max_size=100))
def test_a_lag_that_wavers_costs_nothing(lags: list[float]) -> None:
    ladder = LoadLadder()
    for turn, lag in enumerate(lags):  # readings closer together than a step needs, alternating with calm
        ladder.step(turn * 0.4, lag)
        ladder.step(turn * 0.4 + 0.2, 0.3)
    assert ladder.level == 0


STEP = 0.25
"""Seconds between two looks."""


class Clock:
    """When each feed gave something last."""

    def __init__(self) -> None:
        self.came = {0: 0.0, 1: 0.0}

    def looks(
        self, stalls: Stalls, begin: float, end: float, *alive: int
    ) -> Iterator[tuple[float, int, bool]]:
        """What is found from `begin` to `end` while the feeds `alive` give something all the time."""
        for step in range(round((end - begin) / STEP)):
            now = begin + step * STEP
            self.came.update(dict.fromkeys(alive, now))
            yield from ((now, feed, stalled) for feed, stalled in stalls.look(now))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stalls(clock: Clock) -> Stalls:
    """Two feeds that sound."""
    made = Stalls(lambda feed: clock.came[feed])
    for feed in (0, 1):
        made.change(feed, sounds=True)
    return made


def test_a_feed_that_stalls_is_told_within_five_seconds_and_so_is_that_it_goes_on(
    stalls: Stalls, clock: Clock
) -> None:
    assert not [*clock.looks(stalls, 0.0, 10.0, 0, 1)]
    ((moment, feed, stalled),) = clock.looks(stalls, 10.0, 30.0, 0)
    assert (feed, stalled) == (1, True) and QUIET <= moment - 10.0 + STEP <= 5.0
    assert [*clock.looks(stalls, 30.0, 40.0, 0, 1)] == [(30.0, 1, False)]


def test_a_feed_whose_sound_is_down_cannot_stall(stalls: Stalls, clock: Clock) -> None:
    stalls.change(1, sounds=False)
    assert not [*clock.looks(stalls, 0.0, 30.0, 0)]
    stalls.change(1, sounds=True)
    assert [found[1:] for found in clock.looks(stalls, 30.0, 40.0, 0)] == [(1, True)]


def test_a_feed_that_is_told_to_be_down_while_it_stalls_begins_anew(stalls: Stalls, clock: Clock) -> None:
    assert [found[1:] for found in clock.looks(stalls, 0.0, 10.0, 0)] == [(1, True)]
    stalls.change(1, sounds=False)
    stalls.change(1, sounds=True)
    assert not [*clock.looks(stalls, 10.0, 20.0, 0, 1)]


def test_while_the_process_stood_still_nothing_can_have_come(stalls: Stalls, clock: Clock) -> None:
    assert not [*clock.looks(stalls, 0.0, 10.0, 0, 1)]
    assert not [*stalls.look(70.0)]  # a minute later, before any source was read again
    assert not [*clock.looks(stalls, 70.25, 80.0, 0, 1)]
