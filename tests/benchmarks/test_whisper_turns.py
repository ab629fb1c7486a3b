"""Sessions that share one Whisper: how long the others wait for their words while one floods it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from emotrack.stream.transcription.transcript import Transcript
from helpers.whisper import ask, build_tiny_whisper, whisper_session

SESSIONS = 4
FLOOD = 60
"""Utterances that one session has ended at once."""
ROUNDS = 8
"""Utterances of each other session, one after the other while the flood lasts."""

SOUND = np.random.default_rng(0).standard_normal(32_000).astype(np.float32) / 10
"""Two seconds at 16 kHz."""

Ask = Callable[[], "Future[Transcript]"]


def longest_waits(flood: Ask, others: Sequence[Ask], rounds: int) -> list[float]:
    """Of each round, in which all others ask at once: until the last of them had its words, in transcriptions."""
    began = time.perf_counter()
    flooding = [flood() for _ in range(FLOOD)]
    seconds = []
    for _ in range(rounds):
        asked = time.perf_counter()
        wait([ask() for ask in others])
        seconds.append(time.perf_counter() - asked)
    wait(flooding)
    one = (time.perf_counter() - began) / (FLOOD + rounds * len(others))
    return [waited / one for waited in seconds]


def test_wait_beside_a_flooding_session(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Goal: at most one transcription of each session, after the one that runs; in one queue it is the flood."""
    weights = build_tiny_whisper(tmp_path)
    sessions = [whisper_session(weights) for _ in range(SESSIONS)]
    flood, *others = [partial(ask, session, SOUND) for session in sessions]
    in_turns = benchmark.pedantic(longest_waits, (flood, others, ROUNDS), rounds=1)
    with ThreadPoolExecutor(1) as threads:
        queue = partial(threads.submit, lambda: flood().result())
        (in_one_queue,) = longest_waits(queue, [queue] * len(others), 1)
    for session in sessions:
        session.close()
    benchmark.extra_info["sessions"] = SESSIONS
    benchmark.extra_info["wait in turns, transcriptions, median"] = round(median(in_turns), 1)
    benchmark.extra_info["wait in turns, transcriptions, longest"] = round(max(in_turns), 1)
    benchmark.extra_info["wait in one queue, transcriptions"] = round(in_one_queue, 1)
