"""Every fault that CI tries is held, and the matrix is what it says that it is.

How soon faults are told is measured by `make faults`: here the machine has other tests to run, and only what
is told counts.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from faults.matrix import HELD, NEW, STAGES, Fault, Observation, faults
from faults.worker import Worker

pytestmark = pytest.mark.xdist_group("faults")

SHORT = [one for one in faults() if one.short]


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as opened:
        yield opened


@pytest.mark.parametrize("row", SHORT, ids=lambda row: row.identifier)
def test_a_fault_is_held(worker: Worker, row: Fault) -> None:
    result = worker.run(replace(row, limit=row.seconds))
    if result.verdict == "skipped":
        pytest.skip(result.why[0])
    assert result.verdict == "held", f"{'; '.join(result.why)} ({result.observation.effect})"


def test_every_part_of_a_session_has_its_faults() -> None:
    rows = faults()
    assert len(rows) >= 100 and sum(row.origin == NEW for row in rows) >= 30
    assert {row.stage for row in rows} == set(STAGES)
    assert {row.origin for row in rows} <= {HELD, NEW, *map(str, range(1, 14))}


def _row(**changes: object) -> Fault:
    return Fault("source", "a row", NEW, lambda bench: Observation(""), **changes)  # type: ignore[arg-type]  # each its own


@pytest.mark.parametrize(
    ("row", "seen", "complaint"),
    [
        (_row(), Observation("told", 1.0), None),
        (_row(), Observation(""), "not told"),
        (_row(), Observation("told", 2.1), "told after 2.1 s, not within 2 s"),
        (_row(limit=5.0), Observation("told", 4.9), None),
        (_row(told=False), Observation(""), None),
        (_row(told=False), Observation("", lost=1), "1 finals lost"),
        (_row(lasting=False), Observation("told", 1.0), "no recovery"),
        (_row(lasting=False), Observation("told", 1.0, recovered=3.0), None),
        (_row(), Observation("told", 1.0, complaints=("the session died",)), "the session died"),
    ],
)
def test_a_row_is_held_where_nothing_is_lost_and_all_is_told(
    row: Fault, seen: Observation, complaint: str | None
) -> None:
    assert row.complaints(seen) == ([] if complaint is None else [complaint])


def test_a_row_that_crashes_or_hangs_costs_its_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As seen from outside: the process is ended, and the next row has a fresh one."""
    row = next(one for one in SHORT if one.stage == "interface")
    impatient = Fault(row.stage, row.name, row.origin, row.inject, seconds=0.01)
    with Worker() as own:
        hung = own.run(impatient)
        assert hung.verdict == "failed" and hung.why == ("hung for 0.01 s",)
        assert own.run(replace(row, limit=row.seconds)).verdict == "held"
