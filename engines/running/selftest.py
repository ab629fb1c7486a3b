"""How quick engines are, side by side, and whether each keeps its promises on this machine."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from emotrack.engines.contract.engine import Engine
from emotrack.engines.contract.parity import answers, compare, compare_outputs
from emotrack.engines.contract.spec import Arrays, Axis, Port, Spec
from emotrack.engines.running.batching import join, split
from emotrack.engines.running.loading import reference_run

_SECONDS = 1.0
"""About how long each is timed."""
_LEAST, _MOST = 5, 200


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds a run: the median, and what 19 of 20 runs stay below."""

    median: float
    slow: float


def time_engines(
    spec: Spec, engines: Sequence[Engine], batches: Sequence[int]
) -> Iterator[tuple[Engine, int, Pace]]:
    """Time the engines of one network at its typical sizes, at each batch size that it takes."""
    for batch in batches:
        if batch <= spec.axes["batch"].maximum:
            inputs = inputs_of(spec, batch)
            paces = in_turns([partial(engine.run_named, inputs) for engine in engines])
            yield from ((engine, batch, pace) for engine, pace in zip(engines, paces, strict=True))


def in_turns(runs: Sequence[Callable[[], object]]) -> list[Pace]:
    """The pace of each, run over and over one after the other, warmed up before."""
    for _ in range(3):
        once = [_seconds(run) for run in runs]
    rounds = int(np.clip(_SECONDS / max(once, default=1.0), _LEAST, _MOST))
    seconds = np.array([[_seconds(run) for run in runs] for _ in range(rounds)])
    return [
        Pace(float(median), float(slow))
        for slow, median in (np.quantile(seconds, [0.95, 0.5], axis=0) * 1e3).T
    ]


def inputs_of(spec: Spec, batch: int) -> Arrays:
    """Inputs of the usual sizes for so many items."""
    return spec.samples({**spec.sizes("typical"), "batch": batch}, np.random.default_rng(0))[0]


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


_THREADS = 4


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: what it is, whether it holds, and the figure or the reason."""

    promise: str
    holds: bool
    detail: str


def examine(spec: Spec, engine: Engine) -> Iterator[Promise]:
    """Try one engine against each promise."""
    yield _finding("answers as torch in fp32", lambda: _parity(spec, engine))
    yield _finding("an item's answer does not depend on its batch", lambda: _batch(spec, engine))
    yield _finding("padding changes nothing", lambda: _padding(spec, engine))
    yield _finding("threads may share it", lambda: _threads(spec, engine))
    yield _finding("what it gave stays as it was", lambda: _aliasing(spec, engine))
    yield _finding("too much is refused", lambda: _refusal(spec, engine))


def _finding(promise: str, check: Callable[[], tuple[bool, str]]) -> Promise:
    try:
        return Promise(promise, *check())
    except Exception as error:  # noqa: BLE001 - whatever breaks is the finding
        return Promise(promise, False, f"{type(error).__name__}: {error}")


def _parity(spec: Spec, engine: Engine) -> tuple[bool, str]:
    parity = compare(spec, answers(spec, reference_run(spec)), engine.run_named)
    refusal = parity.refusal(spec, engine.info.precision)
    return refusal is None, refusal or f"difference {parity.absolute:.1e}, cosine {parity.cosine:.6f}"


def _batch(spec: Spec, engine: Engine) -> tuple[bool, str]:
    size = min(4, spec.axes["batch"].maximum)
    together = inputs_of(spec, size)
    whole = engine.run_named(together)
    rows = [
        engine.run_named({name: array[row : row + 1] for name, array in together.items()})
        for row in range(size)
    ]
    alone = {name: np.concatenate([row[name] for row in rows]) for name in whole}
    return _close(spec, engine, whole, alone)


def _padding(spec: Spec, engine: Engine) -> tuple[bool, str]:
    """Items of different lengths that are run as one batch, as the batcher does it, against each alone."""
    if len(spec.axes) == 1:
        return True, "all items are of one size"
    if spec.axes["batch"].maximum == 1:
        return True, "items are run one by one"
    random = np.random.default_rng(1)
    typical = {**spec.sizes("typical"), "batch": 1}
    shorter = {name: max(spec.axes[name].minimum, (length + 1) // 2) for name, length in typical.items()}
    items = [spec.samples(sizes, random)[0] for sizes in (shorter, typical)]
    alone = [engine.run_named(item) for item in items]
    together = split(spec, engine.run_named(join(spec, items, [shorter, typical])), [shorter, typical])
    found = [_close(spec, engine, one, other) for one, other in zip(alone, together, strict=True)]
    return all(holds for holds, _ in found), found[-1][1]


def _threads(spec: Spec, engine: Engine) -> tuple[bool, str]:
    inputs = [
        spec.samples({**spec.sizes("typical"), "batch": 1}, np.random.default_rng(seed))[0]
        for seed in range(_THREADS)
    ]
    expected = [engine.run_named(one) for one in inputs]
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(engine.run_named, inputs * 3))
    results = [_close(spec, engine, expected[place % _THREADS], one) for place, one in enumerate(found)]
    return all(holds for holds, _ in results), f"{_THREADS} threads, {len(found)} runs"


def _aliasing(spec: Spec, engine: Engine) -> tuple[bool, str]:
    first = engine.run_named(inputs_of(spec, 1))
    copies = {name: array.copy() for name, array in first.items()}
    engine.run_named(spec.samples({**spec.sizes("typical"), "batch": 1}, np.random.default_rng(2))[-1])
    return all(np.array_equal(first[name], copies[name]) for name in first), "run again with other inputs"


def _refusal(spec: Spec, engine: Engine) -> tuple[bool, str]:
    said = "all sizes are fixed"
    for name, axis in spec.axes.items():
        given = spec.samples({**spec.sizes("typical"), name: axis.maximum}, np.random.default_rng(0))[0]
        wrong = {port.name: _twice(given[port.name], port, axis) for port in spec.inputs}
        try:
            engine.run_named(wrong)
        except ValueError as error:
            said = str(error)
        else:
            return False, f"{2 * axis.maximum} along {name} were taken"
    return True, said


def _twice(array: np.ndarray, port: Port, axis: Axis) -> np.ndarray:
    """As long again along an axis, where it has that."""
    return np.concatenate([array, array], port.shape.index(axis)) if axis in port.shape else array


def _close(spec: Spec, engine: Engine, expected: Arrays, given: Arrays) -> tuple[bool, str]:
    parity = compare_outputs(spec, expected, given)
    refusal = parity.refusal(spec, engine.info.precision)
    return refusal is None, refusal or f"difference {parity.absolute:.1e}"
