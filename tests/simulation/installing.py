"""Lets the code of a session run on a simulated machine: its modules find that machine's clock, threads and
locks where they would find Python's.

Nothing of this is in the session's own code. Every loaded module of ours that has `time`, `threading` or
`queue` under its name, or `wait` or `ThreadPoolExecutor` of `concurrent.futures`, has the simulated one
instead for as long as a session lasts, whichever modules these will be.
"""

import concurrent.futures
import importlib.util
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache, partial
from types import ModuleType, SimpleNamespace
from typing import Any

from emotrack.stream.sources.timing.clock import SessionClock
from simulation.machine import START_UNIX_NS, Condition, Event, Lock, Machine, Thread

NAMES = ("time", "threading", "queue", "wait", "ThreadPoolExecutor", "SessionClock")
"""What modules have under these names is replaced where it is Python's (or the clock, which reads it)."""


@contextmanager
def installed(machine: Machine, others: Mapping[str, object]) -> Iterator[None]:
    """Everything of ours runs on `machine`; `others`: what else stands in, by module of `stream` and name."""
    simulated = _simulated(machine)
    replaced = [(module, name, simulated[id(value)]) for module, name, value in _places()]
    for place, value in others.items():
        title, name = place.rsplit(".", 1)
        replaced.append((sys.modules[f"emotrack.stream.{title}"], name, value))
    before = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, value in replaced:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _places() -> list[tuple[ModuleType, str, object]]:
    """Where modules of ours have something that is to be replaced."""
    return _places_among(len(sys.modules))


@cache
def _places_among(modules: int) -> list[tuple[ModuleType, str, object]]:
    """The same while so many are loaded."""
    real = {id(time), id(threading), id(queue), id(concurrent.futures.wait), id(SessionClock)}
    real.add(id(concurrent.futures.ThreadPoolExecutor))
    return [
        (module, name, vars(module)[name])
        for title, module in list(sys.modules.items())
        if title.startswith("emotrack.")
        for name in NAMES
        if id(vars(module).get(name)) in real
    ]


def _simulated(machine: Machine) -> dict[int, Any]:
    """What stands in for each thing of Python's."""
    clock = SimpleNamespace(
        monotonic=lambda: machine.now_ns / 1e9,
        monotonic_ns=lambda: machine.now_ns,
        perf_counter=lambda: machine.now_ns / 1e9,
        time=lambda: (START_UNIX_NS + machine.now_ns) / 1e9,
        time_ns=lambda: START_UNIX_NS + machine.now_ns,
        sleep=machine.sleep,
    )
    threads = SimpleNamespace(
        Lock=partial(Lock, machine),
        RLock=partial(Lock, machine, again=True),
        Condition=partial(Condition, machine),
        Event=partial(Event, machine),
        Thread=partial(Thread, machine),
        current_thread=lambda: machine.current,
    )
    return {
        id(time): clock,
        id(threading): threads,
        id(queue): _queues(clock, threads),
        id(concurrent.futures.wait): partial(_wait, machine),
        id(concurrent.futures.ThreadPoolExecutor): partial(Executor, machine),
        id(SessionClock): lambda *given: SessionClock(
            *(given or (START_UNIX_NS + machine.now_ns, machine.now_ns))
        ),
    }


def _queues(clock: SimpleNamespace, threads: SimpleNamespace) -> ModuleType:
    """Python's own queues over simulated locks."""
    place = importlib.util.spec_from_file_location("simulated_queue", queue.__file__)
    assert place is not None and place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    vars(module).update(threading=threads, time=clock.monotonic, Full=queue.Full, Empty=queue.Empty)
    return module


def _wait(
    machine: Machine, futures: Sequence["Future[Any]"], timeout: float | None = None, **_: object
) -> tuple[set["Future[Any]"], set["Future[Any]"]]:
    """As `concurrent.futures.wait` for all of them."""
    end = None if timeout is None else machine.seconds + timeout
    while pending := [future for future in futures if not future.done()]:
        left = None if end is None else end - machine.seconds
        if left is not None and left <= 0:
            break
        task = machine.current
        assert task is not None, "nobody waits outside the machine"
        pending[0].add_done_callback(lambda _, task=task: machine.wake(task))  # type: ignore[misc]
        machine.park(left)
    done = {future for future in futures if future.done()}
    return done, set(futures) - done


class Executor:
    """As `concurrent.futures.ThreadPoolExecutor` with one thread, which begins with its work."""

    def __init__(self, machine: Machine, workers: int, thread_name_prefix: str = "worker") -> None:
        self._machine = machine
        self._name = thread_name_prefix
        self._work: list[Callable[[], None]] = []
        self._over = False
        self._changed: Condition | None = None

    def submit(self, call: Callable[..., Any], *given: Any) -> "Future[Any]":
        future: Future[Any] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(call(*given))
            except Exception as failure:  # noqa: BLE001 - raised where the result is asked for
                future.set_exception(failure)

        self._work.append(work)
        if self._changed is None:
            self._changed = Condition(self._machine)
            self._machine.spawn(self._run, self._name)
        self._changed.notify_all()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._over = True
        if cancel_futures:
            self._work.clear()
        if self._changed is not None:
            self._changed.notify_all()

    def _run(self) -> None:
        assert self._changed is not None
        while self._work or not self._over:
            if self._work:
                self._work.pop(0)()
            else:
                self._changed.wait()
