"""Clocks and time lines: drift below jitter, jumps carried on, audio counted without overlaps."""

import random

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.sources.decoding.audio_track import AudioTrack
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk
from emotrack.stream.sources.timing.arrival import DriftFit
from emotrack.stream.sources.timing.timeline import Timeline


def tone_frame(first: int, samples: int, rate: int = 48_000, layout: str = "mono") -> av.AudioFrame:
    """A frame of one long 440 Hz tone, cut at sample `first`."""
    time = (first + np.arange(samples)) / rate
    channels = av.AudioLayout(layout).nb_channels
    sound = np.repeat(0.5 * np.sin(2 * np.pi * 440 * time)[None, :], channels, axis=0).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(sound, "fltp", layout)
    frame.sample_rate = rate
    return frame


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), drift=st.floats(-100e-6, 100e-6))
def test_drift_is_followed_below_jitter(seed: int, drift: float) -> None:
    random = np.random.default_rng(seed)
    fit = DriftFit(1_000.0, 3.0)
    worst = 0.0
    for n in range(3_000):  # ten minutes, five packets a second
        sent = n / 5
        true = 3.0 + sent * (1 + drift)
        fit.observe(1_000.0 + sent, true + random.exponential(0.03))
        if sent > 60.0:
            worst = max(worst, abs(fit.at(1_000.0 + sent) - true))
    assert worst < 0.02


def test_one_late_packet_changes_nothing_and_an_early_one_everything() -> None:
    fit = DriftFit(0.0, 1.0)
    fit.observe(0.5, 9.0)
    assert fit.at(0.5) == pytest.approx(1.5)
    fit.observe(0.6, 1.4)
    assert fit.at(0.6) == pytest.approx(1.4)


def test_a_slope_that_is_no_drift_is_not_followed() -> None:
    fit = DriftFit(0.0, 0.0)
    for n in range(600):
        fit.observe(n / 10, n / 10 * 1.01)
    assert fit.at(60.0) - fit.at(59.0) == pytest.approx(1.0)


def test_time_lines_carry_on_over_jumps() -> None:
    line = Timeline(10.0, jumps=True, duration=None)
    assert line.place(10.0, 0.1) == pytest.approx(0.0)
    assert line.place(10.1, 0.1) == pytest.approx(0.1)
    assert line.place(3.0, 0.1) == pytest.approx(0.2)  # began anew
    assert line.place(3.1, 0.1) == pytest.approx(0.3)
    assert line.place(99.0, 0.1) == pytest.approx(0.4)
    assert line.place(104.0, 0.1) == pytest.approx(5.4)  # a pause, not a jump


def test_a_stamp_beyond_the_end_of_the_file_is_a_jump_and_a_sparse_one_is_not() -> None:
    line = Timeline(0.0, jumps=False, duration=60.0)
    assert line.place(0.0, 0.04) == 0.0
    assert line.place(50.0, 0.04) == 50.0
    assert line.place(86_400.0, 0.04) == pytest.approx(50.04)


def push_all(track: AudioTrack, frames: list[tuple[float, av.AudioFrame]]) -> list[AudioChunk]:
    return [*(chunk for time, frame in frames for chunk in track.push(frame, time)), *track.flush()]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(500, 4_000), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_jitter_of_stamps_leaves_no_trace(sizes: list[int], chance: random.Random) -> None:
    firsts = np.cumsum([0, *sizes])
    jitter = [0.0, *(chance.uniform(-0.01, 0.01) for _ in sizes[1:])]
    frames = [
        (2.0 + first / 48_000 + wobble, tone_frame(int(first), size))
        for first, size, wobble in zip(firsts, sizes, jitter, strict=False)
    ]
    chunks = push_all(AudioTrack(0.015), frames)
    whole = push_all(AudioTrack(0.015), [(2.0, tone_frame(0, int(firsts[-1])))])
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert chunks[0].start == 2.0
    assert len(samples) == pytest.approx(firsts[-1] * AUDIO_RATE / 48_000, abs=2)
    assert np.abs(samples - np.concatenate([chunk.samples for chunk in whole])).max() < 1e-5


def test_a_gap_stays_a_gap_and_an_overlap_is_cut() -> None:
    frames = [(0.0, tone_frame(0, 48_000)), (2.0, tone_frame(96_000, 48_000)), (2.5, tone_frame(0, 48_000))]
    chunks = push_all(AudioTrack(0.015), frames)
    covered = np.zeros(4 * AUDIO_RATE, int)
    for chunk in chunks:
        first = round(chunk.start * AUDIO_RATE)
        covered[first : first + len(chunk.samples)] += 1
    seconds = covered.reshape(-1, AUDIO_RATE // 2).mean(axis=1)
    assert seconds == pytest.approx([1, 1, 0, 0, 1, 1, 1, 0], abs=0.001)
    assert covered.max() == 1


def test_a_change_of_rate_and_layout_mid_way_is_taken() -> None:
    frames = [(0.0, tone_frame(0, 48_000)), (1.0, tone_frame(44_100, 44_100, 44_100, "stereo"))]
    chunks = push_all(AudioTrack(0.015), frames)
    assert sum(len(chunk.samples) for chunk in chunks) == pytest.approx(2 * AUDIO_RATE, abs=4)
    assert chunks[-1].end == pytest.approx(2.0, abs=1e-3)
