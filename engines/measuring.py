"""How quick things are, side by side: all are timed in turns, so that a machine that drifts drifts for all."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from emotrack.engines.engine import Engine
from emotrack.engines.spec import Arrays, Spec

_SECONDS = 1.0
"""About how long each is timed."""
_LEAST, _MOST = 5, 200


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds a run: the median, and what 19 of 20 runs stay below."""

    median: float
    slow: float


def time_engines(spec: Spec, engines: Sequence[Engine], batches: Sequence[int]) -> Iterator[tuple[Engine, int, Pace]]:
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
    return [Pace(float(median), float(slow)) for slow, median in (np.quantile(seconds, [0.95, 0.5], axis=0) * 1e3).T]


def inputs_of(spec: Spec, batch: int) -> Arrays:
    """Inputs of the usual sizes for so many items."""
    return spec.samples({**spec.sizes("typical"), "batch": batch}, np.random.default_rng(0))[0]


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
