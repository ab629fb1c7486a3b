"""How quick the engines of a network are, side by side: all are timed in turns, so that a machine that drifts drifts for all."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emotrack.engines.engine import Engine
from emotrack.engines.spec import Arrays, Spec

_SECONDS = 1.0
"""About how long each engine of a network is timed at each batch size."""
_LEAST, _MOST = 5, 200


@dataclass(frozen=True, slots=True)
class Timed:
    """Wall time of one engine at one batch size, in milliseconds a run: the median, and what 19 of 20 runs stay below."""

    engine: Engine
    batch: int
    median: float
    slow: float


def time_engines(spec: Spec, engines: Sequence[Engine], batches: Sequence[int]) -> Iterator[Timed]:
    """Time the engines of one network at its typical sizes, at each batch size that it takes."""
    for batch in batches:
        if batch > spec.axes["batch"].maximum:
            continue
        inputs = inputs_of(spec, batch)
        runs = {place: _Turn(engine, inputs) for place, engine in enumerate(engines)}
        rounds = int(np.clip(_SECONDS / max(turn.once() for turn in runs.values()), _LEAST, _MOST))
        for _ in range(rounds):
            for turn in runs.values():
                turn.seconds.append(turn.once())
        for turn in runs.values():
            slow, median = np.quantile(turn.seconds, [0.95, 0.5]) * 1e3
            yield Timed(turn.engine, batch, float(median), float(slow))


def inputs_of(spec: Spec, batch: int) -> Arrays:
    """Inputs of the usual sizes for so many items."""
    return spec.samples({**spec.sizes("typical"), "batch": batch}, np.random.default_rng(0))[0]


class _Turn:
    """One engine that is timed over and over on the same inputs."""

    def __init__(self, engine: Engine, inputs: Mapping[str, np.ndarray]) -> None:
        self.engine = engine
        self.seconds: list[float] = []
        self._inputs = inputs
        for _ in range(3):
            self.once()

    def once(self) -> float:
        began = time.perf_counter()
        self.engine.run_named(self._inputs)
        return time.perf_counter() - began
