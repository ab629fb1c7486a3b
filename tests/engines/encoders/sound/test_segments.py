"""Segments: complete ones as an utterance grows, and the padded tail at its end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.sound.segments import SegmentRule

RULES = st.builds(
    lambda window, share, tail: SegmentRule(window, max(1, round(window * share)), tail),
    st.integers(1, 60),
    st.floats(0, 1),
    st.integers(1, 30),
)


@given(RULES, st.integers(0, 400), st.lists(st.integers(0, 400), max_size=6))
def test_segments_taken_as_sound_arrives_are_those_of_the_whole(
    rule: SegmentRule, samples: int, stops: list[int]
) -> None:
    sound = np.arange(1, samples + 1, dtype=np.float32)
    taken, pieces = 0, []
    for stop in [*sorted(min(stop, samples) for stop in stops), samples]:
        pieces.append(rule.whole(sound[:stop], taken))
        taken = rule.complete(stop)
    assert np.array_equal(np.concatenate([*pieces, rule.tail(sound)]), rule.all(sound))


@given(RULES, st.integers(1, 400))
def test_every_sample_is_in_a_segment_but_for_a_short_rest(rule: SegmentRule, samples: int) -> None:
    sound = np.arange(1, samples + 1, dtype=np.float32)
    left_out = np.setdiff1d(sound, rule.all(sound))
    assert len(left_out) < rule.minimum_tail
    assert np.array_equal(left_out, sound[samples - len(left_out) :])


@given(RULES, st.integers(0, 400))
def test_segments_lie_where_their_span_says(rule: SegmentRule, samples: int) -> None:
    sound = np.arange(1, samples + 1, dtype=np.float32)
    segments = rule.all(sound)
    padded = np.pad(sound, (0, rule.window + rule.hop))
    assert len(segments) - rule.complete(samples) == rule.has_tail(samples)
    for index, segment in enumerate(segments):
        start, end = rule.span(index)
        assert np.array_equal(segment, padded[start:end])


@pytest.mark.parametrize(
    ("seconds", "segments"),
    [(0, 0), (0.1, 1), (1, 1), (1.2, 1), (1.25, 2), (1.5, 2), (1.7, 2), (1.75, 3), (2, 3)],
)
def test_a_tail_needs_a_quarter_of_a_second(seconds: float, segments: int) -> None:
    rule = SegmentRule.seconds(16_000, 1.0, 0.5)
    assert rule.all(np.ones(round(seconds * 16_000), np.float32)).shape == (segments, 16_000)
