"""Whatever others wrote is read or refused in one sentence, in bounded room: the kept inputs, and some that
are made of them. `python -m fuzzing` (see `__main__.py`) looks for more, for as long as one likes."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing.targets import TARGETS, Target, attempt

CORPUS = Path(__file__).parent / "corpus"
LARGEST_KEPT = 64 << 10
"""Bytes of all that is kept for one reader."""


def inputs(name: str) -> list[Path]:
    return sorted((CORPUS / name).iterdir())


def bounded(one: Target, data: bytes) -> bool:
    """An attempt in no more room than its reader may take."""
    tracemalloc.start()
    try:
        taken = attempt(one, data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most <= one.room + 16 * len(data), f"{most} bytes for {len(data)}"
    return taken


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_are_taken_or_refused_in_bounded_room(name: str) -> None:
    one, kept = TARGETS[name], inputs(name)
    for path in kept:  # what is made once is made
        attempt(one, path.read_bytes())
    taken = {path.name: bounded(one, path.read_bytes()) for path in kept}
    wrong = [path for path, was in taken.items() if was != path.startswith("good")]
    assert not wrong, wrong
    assert any(taken.values()), "something good shows that what is behind is reached"
    assert sum(path.stat().st_size for path in kept) <= LARGEST_KEPT


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_made_of_the_kept_ones_are_taken_or_refused_in_bounded_room(name: str) -> None:
    one, kept = TARGETS[name], [path.read_bytes() for path in inputs(name)]
    attempt(one, kept[0])

    @settings(
        max_examples=one.examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        start=st.sampled_from(kept),
        cuts=st.lists(
            st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12) | st.sampled_from(kept)),
            min_size=1,
            max_size=4,
        ),
    )
    def tried(start: bytes, cuts: list[tuple[float, int, bytes]]) -> None:
        data = start
        for place, gone, put in cuts:
            at = int(place * len(data))
            data = data[:at] + put + data[at + gone :]
        bounded(one, data[: one.largest])

    tried()


def test_every_folder_of_inputs_is_a_readers() -> None:
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()
