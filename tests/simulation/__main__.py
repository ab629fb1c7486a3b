"""Simulate sessions by the thousand: `PYTHONPATH=tests python -m simulation --sessions 10000 --seed 1`.

Each session has a seed of its own, counted from `--seed`. One that breaks an invariant is printed with its
seed; `--seed N --sessions 1 --tell` plays it again and prints what it sent.
"""

import argparse
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

from simulation.judging import Result, ended_and_gone_on_with, judged, told

TOLD_EVERY = 5.0
"""Seconds."""
BATCH = 20
"""Sessions that a process is given at a time."""


def main() -> int:
    """See the module; the exit status is not 0 where an invariant was broken."""
    asked = _options()
    logging.disable(logging.CRITICAL)  # what sessions warn of is what was done to them
    began = spoken = time.monotonic()
    total: Counter[str] = Counter()
    broken = 0
    for result in _results(asked, began):
        total += result.counts
        broken += bool(result.wrong)
        for sentence in result.wrong:
            print(f"seed {result.seed}: {sentence}", flush=True)  # noqa: T201
        if (now := time.monotonic()) - spoken >= TOLD_EVERY:
            spoken = now
            print(f"{_so_far(total, now - began)}, {broken} broken", file=sys.stderr, flush=True)  # noqa: T201
    print(f"{_so_far(total, time.monotonic() - began)}, {broken} broken")  # noqa: T201
    del total["sessions"]
    print(", ".join(f"{count} {what}" for what, count in sorted(total.items())))  # noqa: T201
    return int(broken > 0)


def _so_far(total: Counter[str], seconds: float) -> str:
    rate = 60 * total["sessions"] / max(seconds, 1e-3)
    return f"{total['sessions']} sessions in {seconds:.0f} s, {rate:.0f} a minute"


def _results(asked: argparse.Namespace, began: float) -> Iterator[Result]:
    """Of every session."""
    seeds = range(asked.seed, asked.seed + asked.sessions)
    if asked.tell:
        for seed in seeds:
            print(told(seed))  # noqa: T201
    judge = ended_and_gone_on_with if asked.resume else judged
    if asked.jobs == 1:
        results: Iterator[Result] = map(judge, seeds)
        yield from _until(results, asked.seconds, began)
        return
    quietly = partial(logging.disable, logging.CRITICAL)
    with multiprocessing.get_context("spawn").Pool(asked.jobs, quietly) as pool:
        yield from _until(pool.imap(judge, seeds, BATCH), asked.seconds, began)


def _until(results: Iterator[Result], seconds: float, began: float) -> Iterator[Result]:
    for result in results:
        yield result
        if time.monotonic() - began > seconds:
            return


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first session; the others follow it")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so many")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the sessions")
    parser.add_argument("--resume", action="store_true", help="end each at a moment, and go on with it")
    parser.add_argument("--tell", action="store_true", help="print each session's plan and its messages")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
