"""Simulated outputs: sinks that fail, leave, wait, are slow or only watch, and a disk that fills for the real
recorder."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed, SinkFailed
from simulation.machine import Machine
from simulation.plan import SinkPlan


class Collector:
    """Keeps everything as it was sent; calls `react` with each message on the thread that sends it."""

    prompt = True

    def __init__(self, react: Callable[[Outgoing], None], *, watches: bool) -> None:
        self.watches = watches
        self.taken: list[Outgoing] = []
        self._react = react

    def write(self, outgoing: Outgoing) -> None:
        self.taken.append(outgoing)
        self._react(outgoing)

    def close(self) -> None:
        pass


class SimulatedSink:
    """Does with its n-th message, and some after it, what its plan says, on the session's own thread: what
    another does for sinks that hang is not simulated (lanes.py)."""

    prompt = True

    def __init__(self, plan: SinkPlan, machine: Machine) -> None:
        self.plan = plan
        self.taken: list[Outgoing] = []
        self.closed = False
        self.watches = plan.kind == "watches"
        self._machine = machine
        self._held: list[Outgoing] = []
        self._calls = 0

    def write(self, outgoing: Outgoing) -> None:
        assert not self.closed, "written to after it was closed"
        self._calls += 1
        since = self._calls - self.plan.at
        match self.plan.kind:
            case "slow" if 0 <= since < self.plan.lasting:
                self._machine.sleep(self.plan.seconds)
            case "delays" if 0 <= since < self.plan.lasting:
                self._held.append(outgoing)
                if since == 0:
                    raise SinkDelayed("A sink waits.")
                return
            case "fails" | "leaves" if since >= 0:
                raise SinkFailed("A sink has failed.", unread=self.plan.kind == "leaves")
            case "raises" if since >= 0:
                raise ValueError("no such sink")
            case "exits" if since >= 0:
                raise SystemExit(3)
        self._flush()
        self.taken.append(outgoing)

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True
        if self.plan.kind == "delays" and self.plan.seconds == 1.0 and self._held:
            raise SinkFailed("A sink lacks its last messages.")
        self._flush()

    def _flush(self) -> None:
        self.taken += self._held
        self._held.clear()


class SimulatedDisk:
    """In the place of `os` for the recorder: what it writes goes to a real file, and at times there is no
    room, or room for a part only."""

    def __init__(self, plan: SinkPlan) -> None:
        self._plan = plan
        self._writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, file: int, data: bytes | bytearray) -> int:
        self._writes += 1
        since = self._writes - self._plan.at
        if since == 0:
            return os.write(file, memoryview(data)[: len(data) // 2])
        if 0 < since < self._plan.lasting:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(file, data)


def recorded(path: Path) -> list[bytes]:
    """The lines of a recording; one that is torn is no line."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []
