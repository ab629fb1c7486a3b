"""Rows in a process of their own: one that crashes or hangs costs its row, and the next has a fresh one.

The process reads names of rows from its standard input, one a line, and answers each with a line of JSON. It
keeps the networks open from row to row. It is the leader of its own group, so that whatever it started can be
ended with it.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from faults.matrix import Fault, Observation, Skipped, faults

TESTS = Path(__file__).parents[1]
STARTING = 60.0
"""Seconds that a process may take to be there."""
READY = "ready"

Verdict = Literal["held", "failed", "skipped"]


@dataclass(frozen=True)
class Result:
    """What became of one row; `why`: what it failed of, or why it was skipped."""

    verdict: Verdict
    observation: Observation
    why: tuple[str, ...]
    took: float


class Answer(msgspec.Struct):
    """What the process says of a row."""

    observation: Observation | None = None
    skipped: str | None = None


class Worker:
    """Runs rows one after the other, each in a process that none before it has harmed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._log = tempfile.NamedTemporaryFile(prefix="faults-", suffix=".log")  # noqa: SIM115 - closed in `close`

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._log.close()

    def run(self, fault: Fault) -> Result:
        """Inject a fault; a hang and a crash are results too."""
        process = self._started()
        began = time.monotonic()
        assert process.stdin is not None
        process.stdin.write(fault.identifier.encode() + b"\n")
        process.stdin.flush()
        try:
            line = self._answers.get(timeout=fault.seconds)
        except queue.Empty:
            self._end()
            return self._broken(f"hung for {fault.seconds:g} s", began)
        if not line:
            code = process.wait()
            self._end()
            return self._broken(f"the process ended with {code}", began)
        answer = msgspec.json.decode(line, type=Answer)
        took = time.monotonic() - began
        if answer.observation is None:
            return Result("skipped", Observation(""), (str(answer.skipped),), took)
        complaints = tuple(fault.complaints(answer.observation))
        return Result("failed" if complaints else "held", answer.observation, complaints, took)

    def _broken(self, what: str, began: float) -> Result:
        self._log.seek(0)
        tail = self._log.read().decode(errors="replace").splitlines()[-1:]
        return Result("failed", Observation(" ".join(tail)), (what,), time.monotonic() - began)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None:
            return self._process
        self._answers = queue.Queue()
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "faults.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(process, self._answers), daemon=True).start()
        if self._answers.get(timeout=STARTING).strip() != READY.encode():
            raise RuntimeError(f"No row can be tried: see {self._log.name}.")
        return process

    def _listen(self, process: "subprocess.Popen[bytes]", answers: "queue.Queue[bytes]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            answers.put(line)
        answers.put(b"")

    def _end(self) -> None:
        """End the process with all that it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def main() -> None:
    """Be that process."""
    told = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what rows print is no answer
    from faults.bench import Bench

    for number in (signal.SIGINT, signal.SIGHUP):  # ignored in what `nohup` or a shell's background starts
        signal.signal(number, signal.SIG_DFL)
    rows = {fault.identifier: fault for fault in faults()}
    bench = Bench()
    told.write(READY.encode() + b"\n")
    for line in sys.stdin.buffer:
        fault = rows[line.decode().strip()]
        try:
            with bench.row():
                answer = Answer(fault.inject(bench))
        except Skipped as why:
            answer = Answer(skipped=str(why))
        except Exception as failure:  # noqa: BLE001 - whatever a row fails of is its result
            sentence = f"{type(failure).__name__}: {failure}"
            answer = Answer(Observation("", complaints=(sentence[:500],)))
        told.write(msgspec.json.encode(answer) + b"\n")
    os._exit(0)  # whatever still hangs is not waited for


if __name__ == "__main__":
    main()
