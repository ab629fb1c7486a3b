"""`emotrack engines selftest` on engines that each break one promise."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from emotrack.engines.backends.eager import EagerRunner
from emotrack.engines.contract.engine import Engine, EngineDescription
from emotrack.engines.contract.spec import Arrays, Sizes, Spec
from emotrack.engines.running.loading import ITSELF
from emotrack.engines.running.selftest import examine

INFO = EngineDescription("tiny", "lying", "fp32", ITSELF, 0.0, 0, None, ())


class Lying:
    """The network itself, but for one thing."""

    memory_bytes = None

    def __init__(self, spec: Spec, lie: Callable[["Lying", np.ndarray, Arrays], np.ndarray]) -> None:
        self.kept: np.ndarray = np.zeros(0)
        self._honest = EagerRunner(spec, "cpu")
        self._lie = lie

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        return {"logits": self._lie(self, self._honest.run(inputs, sizes)["logits"], inputs)}


def one_buffer(runner: Lying, found: np.ndarray, inputs: Arrays) -> np.ndarray:
    if runner.kept.shape != found.shape:
        runner.kept = found
    runner.kept[...] = found
    return runner.kept


def racing(runner: Lying, found: np.ndarray, inputs: Arrays) -> np.ndarray:
    runner.kept = found
    time.sleep(0.01)
    mixed: np.ndarray = runner.kept.copy()
    return mixed


LIES: dict[str, Callable[[Lying, np.ndarray, Arrays], np.ndarray]] = {
    "answers as torch in fp32": lambda _, found, inputs: found + 0.01,
    "an item's answer does not depend on its batch": lambda _, found, inputs: found + len(found) - 1,
    "padding changes nothing": lambda _, found, inputs: found + inputs["values"].shape[1],
    "threads may share it": racing,
    "what it gave stays as it was": one_buffer,
}


def holds(spec: Spec, engine: Engine) -> dict[str, bool]:
    return {finding.promise: finding.holds for finding in examine(spec, engine)}


@pytest.mark.parametrize("promise", LIES)
def test_a_broken_promise_is_found(spec: Spec, promise: str) -> None:
    assert not holds(spec, Engine(spec, INFO, Lying(spec, LIES[promise])))[promise]


def test_an_engine_that_takes_too_much_is_found(spec: Spec) -> None:
    class Taking(Engine):
        def run_named(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
            return self._runner.run(dict(inputs), {})

    assert not holds(spec, Taking(spec, INFO, EagerRunner(spec, "cpu")))["too much is refused"]


def test_what_breaks_off_is_a_promise_that_does_not_hold(spec: Spec) -> None:
    def fail(runner: Lying, found: np.ndarray, inputs: Arrays) -> np.ndarray:
        raise RuntimeError("out of order")

    findings = list(examine(spec, Engine(spec, INFO, Lying(spec, fail))))
    broken = [finding for finding in findings if not finding.holds]
    assert len(broken) >= len(findings) - 1  # what is refused does not run
    assert all("RuntimeError: out of order" in finding.detail for finding in broken)
