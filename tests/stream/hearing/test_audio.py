"""The canonical audio: independent of chunking, on time, well filtered, and mended where the source is not
whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from emotrack.stream.hearing.audio import (
    BLOCK_SAMPLES,
    BLOCK_SECONDS,
    AudioBlock,
    AudioRing,
    BlockCutter,
    Discontinuity,
)
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk
from helpers.media.speech import blocks_of, demo_speech

Blocks = list[AudioBlock | Discontinuity]


def cut(chunks: list[AudioChunk]) -> Blocks:
    cutter = BlockCutter()
    return [*(part for chunk in chunks for part in cutter.push(chunk)), *cutter.flush()]


def chunked(samples: np.ndarray, sizes: list[int], start: float = 0.0) -> list[AudioChunk]:
    """The samples in chunks of the given sizes, repeated to the end."""
    chunks: list[AudioChunk] = []
    at = 0
    while at < len(samples):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(AudioChunk(start + at / AUDIO_RATE, samples[at : at + size]))
        at += size
    return chunks


def assert_same(some: Blocks, others: Blocks) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        if isinstance(one, Discontinuity) or isinstance(other, Discontinuity):
            assert one == other
            continue
        assert (one.index, one.time) == (other.index, other.time)
        assert one.samples_32k.tobytes() == other.samples_32k.tobytes()
        assert one.samples_16k.tobytes() == other.samples_16k.tobytes()


def sine(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * AUDIO_RATE)) / AUDIO_RATE).astype(
        np.float32
    )


def level(samples: np.ndarray) -> float:
    """Root mean square in dB of a full-scale sine, the first block (where the filter fills) left out."""
    return float(20 * np.log10(np.sqrt(2 * np.mean(samples[512:].astype(np.float64) ** 2)) + 1e-12))


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(3, 5_000), min_size=1, max_size=20), start=st.floats(0, 10_000))
def test_chunking_changes_nothing(sizes: list[int], start: float) -> None:
    samples = demo_speech()[:70_001]
    assert_same(cut(chunked(samples, sizes, start)), cut([AudioChunk(start, samples)]))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(5, 2_000), min_size=1, max_size=20),
    shifts=st.lists(st.floats(-0.2, 2), max_size=4),
)
def test_chunking_changes_nothing_where_samples_are_lost_or_given_twice(
    sizes: list[int], shifts: list[float]
) -> None:
    speech = demo_speech()[:15_000]
    whole: list[AudioChunk] = []
    split: list[AudioChunk] = []
    time = 0.0
    for shift in [0.0, *shifts]:
        time += shift
        whole.append(AudioChunk(time, speech))
        split += chunked(speech, sizes, time)
        time += len(speech) / AUDIO_RATE
    assert_same(cut(split), cut(whole))


def test_block_times_are_those_of_the_samples() -> None:
    blocks = cut(chunked(demo_speech()[:320_000], [441], start=3.25))
    assert [block.time for block in blocks] == [
        round(3.25 + index * BLOCK_SECONDS, 6) for index in range(len(blocks))
    ]


def test_every_sample_comes_through_and_the_last_block_is_completed_with_silence() -> None:
    samples = sine(440)[:2_500]
    blocks = blocks_of(samples)
    assert [len(block.samples_32k) for block in blocks] == [BLOCK_SAMPLES] * 3
    joined = np.concatenate([block.samples_32k for block in blocks])
    assert np.array_equal(joined[:2_500], samples)
    assert not joined[2_500:].any()


@pytest.mark.parametrize("frequency", [100, 1_000, 4_000, 7_000])
def test_speech_passes_the_halving_of_the_rate(frequency: float) -> None:
    half = np.concatenate([block.samples_16k for block in blocks_of(sine(frequency))[:-1]])
    assert level(half) == pytest.approx(0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(half[512:] * np.hanning(len(half) - 512)))
    assert np.argmax(spectrum) * 16_000 / (len(half) - 512) == pytest.approx(frequency, abs=2)


@pytest.mark.parametrize("frequency", [9_000, 10_000, 12_000, 15_500])
def test_what_would_fold_down_is_filtered_out(frequency: float) -> None:
    half = np.concatenate([block.samples_16k for block in blocks_of(sine(frequency))[:-1]])
    assert level(half) < -60


def test_the_view_is_the_filter_applied_to_the_whole() -> None:
    samples = demo_speech()[: 100 * BLOCK_SAMPLES]
    half = np.concatenate([block.samples_16k for block in blocks_of(samples)])
    reference = resample_poly(samples, 1, 2)[: len(half) - 25]  # the view is 50 samples at 32 kHz late
    assert np.corrcoef(half[25:], reference)[0, 1] > 0.999


def test_a_small_gap_is_filled_with_silence() -> None:
    tone = sine(440)
    parts = cut([AudioChunk(0.0, tone), AudioChunk(1.5, tone)])
    joined = np.concatenate([part.samples_32k for part in parts if isinstance(part, AudioBlock)])
    assert len(parts) == np.ceil(2.5 / BLOCK_SECONDS)
    assert not joined[AUDIO_RATE : AUDIO_RATE * 3 // 2].any()
    assert np.array_equal(joined[AUDIO_RATE * 3 // 2 :][: len(tone)], tone)


def test_a_large_gap_breaks_the_sequence_off() -> None:
    tone = sine(440, 0.1)
    parts = cut([AudioChunk(0.0, tone), AudioChunk(7.5, tone)])
    assert [type(part) for part in parts] == [AudioBlock] * 4 + [Discontinuity] + [AudioBlock] * 4
    assert parts[4] == Discontinuity(time=0.1, gap=7.4)
    blocks = [part for part in parts if isinstance(part, AudioBlock)]
    assert [block.index for block in blocks] == list(range(8))
    assert blocks[4].time == 7.5
    assert blocks[4].samples_16k.tobytes() == blocks[0].samples_16k.tobytes(), "the filter starts afresh"


def test_samples_given_twice_are_dropped() -> None:
    speech = demo_speech()[:AUDIO_RATE]
    again = AudioChunk(0.4, speech[int(0.4 * AUDIO_RATE) : int(0.8 * AUDIO_RATE)])
    parts = cut(
        [AudioChunk(0.0, speech[: AUDIO_RATE // 2]), again, AudioChunk(0.8, speech[int(0.8 * AUDIO_RATE) :])]
    )
    assert_same(parts, cut([AudioChunk(0.0, speech)]))


def test_stamps_that_wander_neither_cut_nor_fill() -> None:
    rng = np.random.default_rng(0)
    speech = demo_speech()[: 10 * AUDIO_RATE]
    chunks = [
        AudioChunk(chunk.start + rng.uniform(-5e-4, 5e-4), chunk.samples)
        for chunk in chunked(speech, [640], 1.0)
    ]
    joined = np.concatenate([part.samples_32k for part in cut(chunks) if isinstance(part, AudioBlock)])
    assert np.array_equal(joined[: len(speech)], speech)


def test_block_times_follow_a_clock_that_runs_slow() -> None:
    """A device of 100 ppm: after 100 s its samples are 10 ms behind the session clock."""
    silence = np.zeros(AUDIO_RATE // 10, np.float32)
    parts = cut([AudioChunk(index * 0.1 * (1 + 1e-4), silence) for index in range(1_000)])
    blocks = [part for part in parts if isinstance(part, AudioBlock)]
    assert len(blocks) == len(parts) == 3_125
    for block in blocks:
        assert block.time == pytest.approx(block.index * BLOCK_SECONDS * (1 + 1e-4), abs=0.0025)


def test_samples_that_are_no_numbers_become_silence() -> None:
    broken = np.array([0.5, np.nan, np.inf, -np.inf, -0.5], np.float32)
    block = blocks_of(broken)[0]
    assert block.samples_32k[:5].tolist() == [0.5, 0, 0, 0, -0.5]
    assert np.isfinite(block.samples_16k).all()


def test_flush_starts_a_new_sequence_at_its_own_stamp() -> None:
    cutter = BlockCutter()
    assert cutter.flush() == []
    first = [*cutter.push(AudioChunk(0.0, sine(440, 0.05))), *cutter.flush()]
    second = [*cutter.push(AudioChunk(30.0, sine(440, 0.05))), *cutter.flush()]
    blocks = [part for part in first + second if isinstance(part, AudioBlock)]
    assert len(blocks) == len(first + second)
    assert [(block.index, block.time) for block in blocks] == [
        (0, 0.0),
        (1, 0.032),
        (2, 30.0),
        (3, 30.032),
    ]


def test_ring_gives_what_it_holds_and_forgets_the_rest() -> None:
    ring = AudioRing(seconds=10 * BLOCK_SECONDS)
    blocks = blocks_of(demo_speech()[: 25 * BLOCK_SAMPLES])
    for block in blocks:
        ring.append(block)
    assert ring.blocks(15, 25) == blocks[15:25]
    assert ring.blocks(16, 18) == blocks[16:18]
    assert ring.blocks(20, 20) == []
    for first, end in ((14, 20), (20, 26), (22, 21)):
        with pytest.raises(LookupError, match="not held"):
            ring.blocks(first, end)
    with pytest.raises(LookupError):
        AudioRing(seconds=1.0).blocks(0, 1)
