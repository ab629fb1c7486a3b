"""Clocks that jump, and processes that stand still: stream time goes on by itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from emotrack.stream.labels.labels import DUE_SECONDS, SPARE_SECONDS
from emotrack.stream.wire.protocol.messages import Emotion, Message
from faults.bench import Bench, spoken
from faults.matrix import HELD, NEW, Observation, fault
from faults.stages.record import QUICK, speech
from faults.watching import Trial, is_final, tells
from helpers.media.scripted import Recogniser, Scripted
from helpers.sessions.commands import start

COUNT = 4
DAY_NS = 86_400 * 10**9


def _wall(name: str, change: Callable[[int], int], origin: str, *, short: bool = False) -> None:
    """The wall clock is set while a session runs: nothing but the stamp of publishing may follow it."""

    def inject(bench: Bench) -> Observation:
        trial = Trial()
        real = time.time_ns
        with bench.session(
            [Scripted("desk", spoken(COUNT))],
            "stream.modalities=[text,audio]",
            recogniser=Recogniser(0.05),
            trial=trial,
        ):
            trial.wait_for(is_final)
            trial.strike()
            bench.patch.setattr(time, "time_ns", lambda: change(real()))
            bench.patch.setattr(time, "time", lambda: change(real()) / 1e9)
        times = [label.end for label in trial.finals()]
        wrong = [] if times == sorted(times) and times[-1] < 10 else [f"labels end at {times}"]
        late = [f.timing_ms.total for f in trial.finals() if f.timing_ms.total and f.timing_ms.total > 1_500]
        if late:
            wrong.append(f"labels say that they took {max(late):.0f} ms")
        return trial.observe(COUNT, more=tuple(wrong))

    fault("clock", name, origin, told=False, short=short)(inject)


_wall("the wall clock is set back a day", lambda now: now - DAY_NS, HELD, short=True)
_wall("the wall clock is set on 1,000 days", lambda now: now + 1_000 * DAY_NS, HELD)
_wall("the wall clock is set to 1970", lambda _: 1, NEW)
_wall("the wall clock stands still", lambda _: 1_800_000_000_000_000_000, NEW)
_wall("the wall clock jumps to and fro with each reading", lambda now: now + (now % 7 - 3) * DAY_NS, NEW)


def _stopped(name: str, seconds: float, origin: str, *, times: int = 1) -> None:
    """The process stands still and goes on, as a machine that sleeps."""

    def inject(bench: Bench) -> Observation:
        path = speech(bench.folder, 4)
        process = start("run", *QUICK, "--jsonl", "-", str(path))
        with bench.process(process=process) as trial:
            trial.wait_for(is_final, 30.0)
            for _ in range(times):
                trial.strike()
                process.send_signal(signal.SIGSTOP)
                time.sleep(seconds)
                process.send_signal(signal.SIGCONT)
                time.sleep(0.2)
        complaints = () if process.returncode == 0 else (f"exit {process.returncode}",)
        return trial.observe(4, more=complaints)

    fault("clock", name, origin, told=False, seconds=90.0)(inject)


_stopped("the process stands still for 10 s", 10.0, HELD)
_stopped("the process stands still for half a second, ten times", 0.5, NEW, times=10)


LATE = DUE_SECONDS + SPARE_SECONDS
"""Seconds after an endpoint from which on its label is late."""


@fault("clock", "the machine's other work takes all its cores", lasting=False)
def starved(bench: Bench) -> Observation:
    """No label is lost. That too little is left for them shows when one is due and does not come: where the
    next does not either, it is told; and when the other work is over, labels come in time again."""
    trial = Trial()
    with bench.session(
        [Scripted("desk", spoken(12))],
        "stream.modalities=[text,audio]",
        recogniser=Recogniser(0.05),
        encoders=bench.workbench.encoders,
        trial=trial,
    ):
        trial.wait_for(is_final)
        trial.strike()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        code = "while True: pass"
        others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4 * cores)]
        for other in others:
            bench.undo.callback(other.wait)
            bench.undo.callback(other.kill)
        time.sleep(4.0)
        for other in others:
            other.kill()
    seen = trial.observe(12)
    waited = [(one.at, _waited(one.message)) for one in trial.told if is_final(one.message)]
    back = waited[-1][0] - (trial.struck or 0.0) if waited and waited[-1][1] <= LATE else None
    late = [
        at - seconds + LATE
        for (at, seconds), (_, next_one) in pairwise(waited)
        if min(seconds, next_one) > LATE
    ]
    if not late:  # one alone is nothing that lasts
        latest = max(seconds for _, seconds in waited)
        return replace(seen, effect=f"the latest label takes {latest:.1f} s", detected=0.0, recovered=back)
    told = trial.first(tells, trial.struck)
    return replace(seen, detected=None if told is None else max(0.0, told.at - late[0]), recovered=back)


def _waited(message: Message) -> float:
    """Seconds that a label took."""
    assert isinstance(message, Emotion)
    return (message.timing_ms.total or 0.0) / 1e3


@fault("clock", "a source's clock runs one per cent too fast", told=False)
def fast(bench: Bench) -> Observation:
    trial = Trial()
    trial.strike()
    items = spoken(COUNT)
    quick = [
        replace(
            item, **({"start": item.start * 1.01} if hasattr(item, "start") else {"time": item.time * 1.01})
        )
        for item in items
    ]
    with bench.session([Scripted("desk", quick)], "stream.modalities=[audio]", trial=trial):
        pass
    return trial.observe(COUNT)
