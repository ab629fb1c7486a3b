"""Work of many sessions done together: everybody gets their own answer, the urgent first, and nobody waits
for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.engines.backends.eager import Eager
from emotrack.engines.contract.engine import Engine
from emotrack.engines.contract.spec import Arrays, Spec
from emotrack.engines.running import batching
from emotrack.engines.running.batching import Batcher, _Request, wanted_by
from helpers.networks import tiny_network
from helpers.networks.engines import Shelf


@pytest.fixture(scope="module")
def engine(spec: Spec, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Shelf(tmp_path_factory.mktemp("engines")).load(spec, Eager("cpu"))


class Watched:
    """An engine that can be held up, and remembers what it was given."""

    def __init__(self, engine: Engine) -> None:
        self.spec, self.info = engine.spec, engine.info
        self.batches: list[Arrays] = []
        self.free = threading.Event()
        self.free.set()
        self.began = threading.Event()
        self._engine = engine

    def run_named(self, inputs: Arrays) -> Arrays:
        self.began.set()
        assert self.free.wait(30)
        self.batches.append(inputs)
        if not np.isfinite(inputs["values"]).all():
            raise RuntimeError("a number that is none")
        return self._engine.run_named(inputs)


def item(length: int, seed: int, rows: int = 1) -> Arrays:
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, length, tiny_network.WIDTH)).astype(np.float32)
    return {"values": values, "counts": random.integers(1, length + 1, rows)}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 3)), min_size=1, max_size=20))
def test_together_equals_alone_whatever_the_lengths(engine: Engine, shapes: list[tuple[int, int]]) -> None:
    items = [item(length, seed, rows) for seed, (length, rows) in enumerate(shapes)]
    alone = [engine.run_named(one)["logits"] for one in items]
    batcher = Batcher(engine, delay=0.005)
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(batcher.run_named, items))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other["logits"], atol=1e-6)


def asked_by(batcher: Batcher, inputs: Arrays, deadline: float) -> Arrays:
    with wanted_by(deadline):
        return batcher.run_named(inputs)


def held_up(engine: Engine, waiting: list[tuple[Arrays, float]]) -> tuple[Watched, list[Arrays]]:
    """A first item holds the engine up until the others all wait; what the engine was given after that, and
    all answers."""
    watched = Watched(engine)
    batcher = Batcher(watched)  # type: ignore[arg-type]  # stands in
    watched.free.clear()
    with ThreadPoolExecutor(len(waiting) + 1) as threads:
        first = threads.submit(batcher.run_named, item(1, 99))
        assert watched.began.wait(30)
        others = []
        for place, (inputs, deadline) in enumerate(waiting):
            others.append(threads.submit(asked_by, batcher, inputs, deadline))
            while len(batcher._waiting) <= place:
                time.sleep(0.001)
        watched.free.set()
        first.result(30)
        return watched, [other.result(30) for other in others]


def test_what_waits_is_done_at_once(engine: Engine) -> None:
    watched, answers = held_up(engine, [(item(3, seed), float("inf")) for seed in range(10)])
    assert [len(batch["counts"]) for batch in watched.batches] == [1, 10]
    assert all(answer["logits"].shape == (1, tiny_network.CLASSES) for answer in answers)


def test_a_batch_is_no_larger_than_the_engine_takes(engine: Engine) -> None:
    watched, _ = held_up(engine, [(item(2, seed, 3), float("inf")) for seed in range(12)])
    assert [len(batch["counts"]) for batch in watched.batches] == [1, 15, 15, 6]


def test_the_most_urgent_goes_first(engine: Engine) -> None:
    soon = time.monotonic() + 1
    waiting = [(item(2, seed, 10), soon + (5 - seed)) for seed in range(5)]
    watched, _ = held_up(engine, waiting)
    given = [batch["values"] for batch in watched.batches[1:]]
    assert [
        next(seed for seed in range(5) if np.array_equal(waiting[seed][0]["values"], one)) for one in given
    ] == [4, 3, 2, 1, 0]


def test_a_session_alone_does_not_wait(engine: Engine) -> None:
    class Impatient(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            raise AssertionError("it waited")

    batcher = Batcher(engine)
    batcher._condition = Impatient()
    assert batcher.run_named(item(3, 0))["logits"].shape == (1, tiny_network.CLASSES)
    assert (batcher.batches, batcher.items) == (1, 1)


@pytest.mark.parametrize(
    ("waiting", "patience"),
    [
        ([(9.8, 20.0)], 0.3),
        ([(9.9, 20.0), (9.8, 20.0)], 0.3),  # from the first on
        ([(9.8, 10.15)], 0.05),  # a run takes a tenth of a second
        ([(9.8, 20.0), (9.8, 10.15)], 0.05),
        ([(9.8, 10.05)], -0.05),
        ([(9.4, 20.0)], -0.1),
    ],
)
def test_how_long_others_are_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, waiting: list[tuple[float, float]], patience: float
) -> None:
    batcher = Batcher(engine, delay=0.5)
    batcher._last_seconds = 0.1
    batcher._waiting = [
        _Request(item(2, 0), {"batch": 1, "length": 2}, deadline, arrived) for arrived, deadline in waiting
    ]
    monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=lambda: 10.0))
    assert batcher._patience() == pytest.approx(patience)


def test_others_are_waited_for_no_longer_than_asked_and_not_past_a_deadline(engine: Engine) -> None:
    patient = Batcher(engine, delay=30.0)
    began = time.monotonic()
    asked_by(patient, item(3, 0), began + 0.1)
    assert time.monotonic() - began < 10
    full = [item(1, seed, 16) for seed in range(2)]
    for one in full:  # nothing to wait for: the batch is full
        patient.run_named(one)
    assert time.monotonic() - began < 20


def test_a_failure_reaches_who_caused_it_and_nobody_else(engine: Engine) -> None:
    watched = Watched(engine)
    batcher = Batcher(watched)  # type: ignore[arg-type]  # stands in
    watched.free.clear()
    items = [item(2, seed) for seed in range(4)]
    items[1]["values"][:] = np.nan
    with ThreadPoolExecutor(len(items) + 1) as threads:
        threads.submit(batcher.run_named, item(1, 99))
        assert watched.began.wait(30)
        asked = [threads.submit(batcher.run_named, one) for one in items]
        while len(batcher._waiting) < len(items):
            time.sleep(0.001)
        watched.free.set()
        with pytest.raises(RuntimeError, match="is none"):
            asked[1].result(30)
        assert all(asked[place].result(30)["logits"].shape == (1, 3) for place in (0, 2, 3))
    assert [len(batch["counts"]) for batch in watched.batches] == [1, 4, 1, 1, 1, 1]
    assert batcher.run_named(item(2, 1))["logits"].shape == (1, 3)


def test_what_does_not_fit_is_refused_before_it_waits(engine: Engine) -> None:
    with pytest.raises(ValueError, match="tiny takes 1 to 8 along length, not 9"):
        Batcher(engine).run_named(item(9, 0))


def test_the_queue_is_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "WAITING_LIMIT", 4)
    watched = Watched(engine)
    batcher = Batcher(watched)  # type: ignore[arg-type]  # stands in
    watched.free.clear()
    longest = 0
    with ThreadPoolExecutor(12) as threads:
        asked = [threads.submit(batcher.run_named, item(2, seed)) for seed in range(12)]
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            longest = max(longest, len(batcher._waiting))
            time.sleep(0.01)
        watched.free.set()
        assert all(one.result(30)["logits"].shape == (1, 3) for one in asked)
    assert longest == 4
