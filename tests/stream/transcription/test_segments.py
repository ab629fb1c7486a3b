"""Where the sound of an utterance is cut for transcription: by the sound alone, at its quietest, and as if
nothing had followed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.transcription.whisper.stream import Segments

RATE = 100
LONGEST = 60


def sound_of(length: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(length).astype(np.float32)


def heard(*chunks: np.ndarray) -> Segments:
    segments = Segments(LONGEST, RATE)
    for chunk in chunks:
        segments.extend(chunk)
    return segments


def same(one: Segments, other: Segments) -> bool:
    pairs = zip([*one.closed, one.open], [*other.closed, other.open], strict=True)
    return all(np.array_equal(mine, yours) for mine, yours in pairs)


SOUNDS = st.builds(sound_of, st.integers(0, 400), st.integers(0, 50))


@given(SOUNDS, st.lists(st.integers(0, 400), max_size=12))
def test_any_chunking_gives_the_same_segments(sound: np.ndarray, cuts: list[int]) -> None:
    assert same(heard(*np.split(sound, sorted(min(cut, sound.size) for cut in cuts))), heard(sound))


@given(SOUNDS)
def test_no_sample_is_lost_and_no_segment_is_short_or_long(sound: np.ndarray) -> None:
    segments = heard(sound)
    assert np.array_equal(np.concatenate([*segments.closed, segments.open]), sound)
    assert segments.size == sound.size and segments.open.size < LONGEST
    assert all(LONGEST // 2 <= closed.size <= LONGEST for closed in segments.closed)


@given(SOUNDS, st.integers(0, 400))
def test_what_is_kept_is_as_if_there_had_been_no_more(sound: np.ndarray, samples: int) -> None:
    segments = heard(sound)
    segments.keep(samples)
    assert same(segments, heard(sound[:samples]))


@given(st.integers(LONGEST // 2, LONGEST - 12))
def test_a_pause_is_cut_in_its_middle(start: int) -> None:
    sound = sound_of(LONGEST, 0)
    sound[start : start + 10] = 0
    assert heard(sound).closed[0].size == start + 5
