"""A step of the dialogue context costs the same however long the dialogue is."""

import time
from statistics import median

from pytest_benchmark.fixture import BenchmarkFixture

from emotrack.engines.heads import open_heads
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.model.bundle import load_bundle
from emotrack.model.dialogue.dialogue import Dialogue
from helpers.networks.small import random_rows

STEPS = 200


def test_context_step_after_10_and_after_10_000_utterances(benchmark: BenchmarkFixture) -> None:
    """Goal: a ratio of at most 1.2."""
    network = open_heads(EnginePool(EngineSettings(device="cpu"), lambda _: None), load_bundle()).context
    rows = random_rows(network.configuration, STEPS).numpy()

    def dialogue(length: int) -> Dialogue:
        started = Dialogue(network)
        for number in range(length):
            started.commit(str(number), rows[number % STEPS], f"spk{number % 3}")
        return started

    def step(at: Dialogue, number: int) -> float:
        began = time.perf_counter()
        at.preview(rows[number], "spk1")
        return time.perf_counter() - began

    short, long = dialogue(10), dialogue(10_000)
    pairs = [
        (step(short, number), step(long, number)) for number in range(STEPS)
    ]  # interleaved: the machine drifts for both
    benchmark.pedantic(long.preview, (rows[0], "spk1"), rounds=50)
    ratio = median(late for _, late in pairs) / median(early for early, _ in pairs)
    benchmark.extra_info["ratio 10,000 to 10"] = round(ratio, 3)
