"""Windows of a feed without audio: on a grid, only while somebody is seen, never empty, never overlapping."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.hearing.windows import WindowEnded, WindowEvent, WindowSegmenter, WindowStarted
from emotrack.stream.settings import SegmentationSettings


def run(*sightings: tuple[float, float, bool], step: float = 0.25) -> list[WindowEvent]:
    """Events of a feed whose frames come every `step` seconds, from stretches (start, end, seen)."""
    segmenter = WindowSegmenter(SegmentationSettings())
    events: list[WindowEvent] = []
    for start, end, seen in sightings:
        for index in range(round((end - start) / step)):
            events += segmenter.step(start + index * step, seen)
    return events + segmenter.flush()


def test_windows_follow_one_another_on_the_grid_of_the_first_sighting() -> None:
    assert run((0, 1, False), (1, 10, True)) == [
        WindowStarted(1.0),
        WindowEnded(1.0, 5.0),
        WindowStarted(5.0),
        WindowEnded(5.0, 9.0),
    ]


def test_a_window_closes_when_nobody_was_seen_for_a_second() -> None:
    assert run((0, 2, True), (2, 6, False), (6, 7.5, True)) == [
        WindowStarted(0.0),
        WindowEnded(0.0, 2.75),
        WindowStarted(6.0),
        WindowEnded(6.0, 7.25),
    ]


def test_a_window_opened_off_the_grid_returns_to_it_and_is_never_a_sliver() -> None:
    assert run((0, 1, True), (1, 6, False), (6, 9, True))[2:4] == [WindowStarted(6.0), WindowEnded(6.0, 8.0)]
    assert run((0, 1, True), (1, 7.25, False), (7.25, 13, True))[2:4] == [
        WindowStarted(7.25),
        WindowEnded(7.25, 12.0),
    ]


def test_a_short_absence_is_bridged() -> None:
    assert run((0, 2, True), (2, 2.5, False), (2.5, 4.5, True))[:2] == [
        WindowStarted(0.0),
        WindowEnded(0.0, 4.0),
    ]


def test_nobody_no_window() -> None:
    assert run((0, 10, False)) == []


def test_a_glimpse_that_is_cut_short_is_no_window() -> None:
    assert run((3, 3.25, True)) == run((3, 4, True)) == []
    assert run((3, 4.25, True)) == [WindowStarted(3.0), WindowEnded(3.0, 4.0)]
    assert run((3, 3.25, True), (3.25, 5, False)) == [WindowStarted(3.0), WindowEnded(3.0, 4.0)]


def test_a_window_is_told_once_it_can_no_longer_be_too_short() -> None:
    segmenter = WindowSegmenter(SegmentationSettings())
    told = [segmenter.step(index / 4, seen=True) for index in range(5)]
    assert told == [[], [], [], [], [WindowStarted(0.0)]] and segmenter.is_open


@settings(max_examples=200, deadline=None)
@given(frames=st.lists(st.tuples(st.floats(0.01, 3), st.booleans()), max_size=60))
def test_windows_are_well_formed(frames: list[tuple[float, bool]]) -> None:
    chosen = SegmentationSettings()
    segmenter = WindowSegmenter(chosen)
    time, start, last_end = 0.0, None, 0.0
    sightings = []
    for interval, seen in [*frames, (0.0, False)]:
        time += interval
        sightings += [time] if seen else []
        for event in segmenter.step(time, seen) if interval else segmenter.flush():
            if isinstance(event, WindowStarted):
                assert start is None
                assert last_end <= event.start <= time - chosen.absence + 1e-9
                start = event.start
            else:
                assert event.start == start
                assert chosen.absence - 1e-9 <= event.end - start <= chosen.window + chosen.absence
                assert any(event.start <= sighting <= event.end for sighting in sightings)
                start, last_end = None, event.end
    assert start is None
