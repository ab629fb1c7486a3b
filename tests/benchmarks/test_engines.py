"""Engines against torch as it is, in one run: ratios of medians, both timed in turns."""

import subprocess
import sys
import time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from emotrack.demo import clip_path
from emotrack.engines.backends.eager import Eager
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.catalogue import catalogue
from emotrack.engines.contract.engine import Engine
from emotrack.engines.contract.spec import Spec
from emotrack.engines.running.loading import load
from emotrack.engines.running.policy import Policy
from emotrack.engines.running.pool import open_cache
from emotrack.engines.running.selftest import inputs_of, time_engines
from emotrack.engines.settings import EngineSettings
from emotrack.model.bundle import load_bundle

SETTINGS = EngineSettings(device="cpu")


@pytest.fixture(scope="module")
def specs() -> dict[str, Spec]:
    return {spec.name: spec for spec in catalogue(SETTINGS, load_bundle(), lambda _: None).networks}


def engines(spec: Spec) -> dict[str, Engine]:
    cache = open_cache(SETTINGS, lambda _: None)
    return {
        backend.name: load(spec, Policy((backend,)), cache, lambda _: None)
        for backend in (Eager("cpu"), OnnxCpu(1))
    }


@pytest.mark.parametrize(
    ("network", "goal"),
    [("sentence", 1.4), ("utterance", 2.0), ("context-step", 2.0), ("reviser", 2.0), ("face", 2.0)],
)
def test_how_much_quicker_than_torch(
    benchmark: BenchmarkFixture, specs: dict[str, Spec], network: str, goal: float
) -> None:
    both = engines(specs[network])
    timed = {
        engine.info.backend: pace
        for engine, _, pace in time_engines(specs[network], list(both.values()), [1])
    }
    benchmark.pedantic(both["onnx-cpu"].run_named, (inputs_of(specs[network], 1),), rounds=20)
    ratio = timed["eager-cpu"].median / timed["onnx-cpu"].median
    benchmark.extra_info["torch ms"] = round(timed["eager-cpu"].median, 3)
    benchmark.extra_info["ONNX Runtime ms"] = round(timed["onnx-cpu"].median, 3)
    benchmark.extra_info[f"times quicker (goal {goal})"] = round(ratio, 2)


@pytest.mark.parametrize("backend", ["onnx-cpu", "eager-cpu"])
def test_sixteen_sessions_together(benchmark: BenchmarkFixture, specs: dict[str, Spec], backend: str) -> None:
    """Cost an item of a batch of 16 to that of a batch of 1; goal: at most 0.2 for the heads and the LSTM
    step."""
    totals = {1: 0.0, 16: 0.0}
    for network in ("utterance", "context-step", "reviser"):
        engine = engines(specs[network])[backend]
        timed = {
            batch: pace.median / batch for _, batch, pace in time_engines(specs[network], [engine], [1, 16])
        }
        benchmark.extra_info[f"{network}: ms an item at 1 and at 16"] = f"{timed[1]:.3f} {timed[16]:.3f}"
        benchmark.extra_info[f"{network}: 16 to 1"] = round(timed[16] / timed[1], 3)
        totals = {batch: totals[batch] + timed[batch] for batch in totals}
    benchmark.extra_info["all three: 16 to 1"] = round(totals[16] / totals[1], 3)
    benchmark.pedantic(lambda: None, rounds=1)


START = """
import sys, time
from emotrack.settings import load_settings
from emotrack.tracking.tracker import Tracker
settings = load_settings(overrides=["stream.publish.endpoint=none"])
Tracker([sys.argv[1]], settings, realtime=False, notify=lambda _: None)
print("torch" in sys.modules)
"""


def test_warm_start(benchmark: BenchmarkFixture) -> None:
    """Seconds until a tracker of the embedded profile is ready, its engines compiled before; goal: at most 3
    without torch."""

    def start() -> float:
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", START, str(clip_path())], capture_output=True, text=True, check=True
        )
        benchmark.extra_info["imports torch"] = done.stdout.split()[-1]
        return time.perf_counter() - began

    start()
    benchmark.pedantic(start, rounds=5)
    assert benchmark.stats is not None
    benchmark.extra_info["seconds"] = round(benchmark.stats.stats.median, 2)
