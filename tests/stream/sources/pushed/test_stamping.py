"""Sound that comes without times is placed where it was captured: jitter moves nothing, a stall loses
nothing, and a pause is one."""

from collections.abc import Sequence
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.sources.pushed.stamping import Given, SenderClock

PART = 0.02


def placed(arrivals: Sequence[float]) -> list[float]:
    """Session times of parts of 20 ms that arrive at these moments."""
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 320), np.int16), "s16", "mono")
    frame.sample_rate = 16_000
    clock, found = SenderClock(), []
    for arrival in arrivals:
        found += clock.push(Given("audio", frame, None, 0), arrival - PART)
    found += clock.settle(0.0, at_once=True)
    return [moment for _, moment in found]


@given(st.lists(st.floats(0.0, 0.2), min_size=50, max_size=200), st.floats(0.0, 100.0))
def test_jitter_moves_nothing(delays: list[float], begun: float) -> None:
    arrivals, newest = [], 0.0
    for number, delay in enumerate(delays):
        newest = max(newest, begun + (number + 1) * PART + delay)  # what is sent later arrives later
        arrivals.append(newest)
    moments = placed(arrivals)
    assert len(moments) == len(arrivals)
    for number, moment in enumerate(moments):
        assert begun + number * PART - 1e-6 <= moment <= begun + number * PART + 0.2
    assert all(
        0 < later - earlier < 0.06 + PART or earlier - later < 0.2 for earlier, later in pairwise(moments)
    )


@given(st.floats(0.35, 4.0), st.integers(20, 60))
def test_what_comes_at_once_after_a_stall_was_captured_before_it(stall: float, before: int) -> None:
    sent = [(number + 1) * PART for number in range(before + round(stall / PART) + 50)]
    stalled = before * PART
    arrivals = [one if one <= stalled else max(one, stalled + stall) for one in sent]
    moments = placed(arrivals)
    assert moments == pytest.approx([one - PART for one in sent], abs=1e-6)


@given(st.floats(0.5, 3.5), st.integers(20, 60))
def test_after_a_pause_sound_is_placed_behind_it(pause: float, before: int) -> None:
    arrivals = [(number + 1) * PART + (pause if number >= before else 0.0) for number in range(before + 50)]
    assert placed(arrivals) == pytest.approx([one - PART for one in arrivals], abs=1e-6)


def test_clocks_that_drift_apart_are_followed() -> None:
    """A device that is 100 parts per million slow, for ten minutes: 60 ms, and no jump among them."""
    arrivals = [(number + 1) * PART * (1 + 1e-4) for number in range(30_000)]
    moments = placed(arrivals)
    assert len(moments) == len(arrivals)
    assert (
        max(abs(moment - (arrival - PART)) for moment, arrival in zip(moments, arrivals, strict=True)) < 0.02
    )
