"""Whether an engine keeps its promises on this machine: what the tests show on ours, for whoever has other hardware."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from emotrack.engines.batching import join, split
from emotrack.engines.engine import Engine
from emotrack.engines.loading import reference_run
from emotrack.engines.measuring import inputs_of
from emotrack.engines.parity import answers, compare, compare_outputs
from emotrack.engines.spec import Arrays, Axis, Port, Spec

_THREADS = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: what it is, whether it holds, and the figure or the reason."""

    promise: str
    holds: bool
    detail: str


def examine(spec: Spec, engine: Engine) -> Iterator[Finding]:
    """Try one engine against each promise."""
    yield _finding("answers as torch in fp32", lambda: _parity(spec, engine))
    yield _finding("an item's answer does not depend on its batch", lambda: _batch(spec, engine))
    yield _finding("padding changes nothing", lambda: _padding(spec, engine))
    yield _finding("threads may share it", lambda: _threads(spec, engine))
    yield _finding("what it gave stays as it was", lambda: _aliasing(spec, engine))
    yield _finding("too much is refused", lambda: _refusal(spec, engine))


def _finding(promise: str, check: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        return Finding(promise, *check())
    except Exception as error:  # noqa: BLE001 - whatever breaks is the finding
        return Finding(promise, False, f"{type(error).__name__}: {error}")


def _parity(spec: Spec, engine: Engine) -> tuple[bool, str]:
    parity = compare(spec, answers(spec, reference_run(spec)), engine.run_named)
    refusal = parity.refusal(spec, engine.info.precision)
    return refusal is None, refusal or f"difference {parity.absolute:.1e}, cosine {parity.cosine:.6f}"


def _batch(spec: Spec, engine: Engine) -> tuple[bool, str]:
    size = min(4, spec.axes["batch"].maximum)
    together = inputs_of(spec, size)
    whole = engine.run_named(together)
    rows = [engine.run_named({name: array[row : row + 1] for name, array in together.items()}) for row in range(size)]
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
    inputs = [spec.samples({**spec.sizes("typical"), "batch": 1}, np.random.default_rng(seed))[0] for seed in range(_THREADS)]
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
