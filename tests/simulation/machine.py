"""A simulated machine: its clock stands still while anything computes, and its threads take turns in an order
that a seed decides.

Threads are greenlets (greenlet, MIT and PSF, the ground of gevent), so a session's own code runs as it is,
waiting and all, in one thread of the real machine. They change over where they wait, and now and then at a
lock: what a seed has found, it finds again.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

START_NS = 1_000_000_000_000
START_UNIX_NS = 1_800_000_000_000_000_000
"""What the clocks show when a machine is switched on."""
CROWDED = 100
"""Among so many times that threads come to a lock, one lets others go first."""

MOST_TURNS = 1_000_000
"""Turns of its threads after which a session is taken for one that goes round in circles."""


class Stuck(BaseException):
    """Nothing on the machine will ever go on, or it has gone on for too long; no part of a session catches
    it."""


class Task:
    """One thread; `ticket` tells a wait from those before it."""

    __slots__ = ("alive", "body", "name", "parked", "ticket")

    def __init__(self, name: str) -> None:
        self.name = name
        self.body: greenlet
        self.alive = True
        self.parked = False
        self.ticket = 0


class Machine:
    """One machine for one session; `run` it from outside, everything else is called by what runs on it."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)
        self.now_ns = START_NS
        self.tasks: list[Task] = []
        self.failures: list[BaseException] = []
        """What threads ended with."""
        self._current: Task | None = None
        self._ready: list[tuple[Task, bool]] = []
        self._timers: list[tuple[int, int, Task, int]] = []
        self._order = itertools.count()
        self._off = False
        self._turns = 0
        self._alone = CROWDED

    @property
    def seconds(self) -> float:
        """Since it was switched on."""
        return (self.now_ns - START_NS) / 1e9

    @property
    def current(self) -> Task | None:
        """The thread that runs; None outside the machine."""
        return self._current

    def spawn(self, target: Callable[[], object], name: str) -> Task:
        """A thread that begins at its next turn."""
        task = Task(name)

        def body(_: bool) -> None:
            try:
                target()
            except GreenletExit:
                pass
            except Exception as failure:  # noqa: BLE001 - judged when all is over
                self.failures.append(failure)
            finally:
                task.alive = False

        task.body = greenlet(body, getcurrent() if self._current is None else self._current.body.parent)
        self.tasks.append(task)
        self._ready.append((task, True))
        return task

    def park(self, seconds: float | None = None) -> bool:
        """Let others go on until somebody wakes this thread (True), or the time is over (False)."""
        task = self._current
        if task is None or self._off:
            raise GreenletExit
        task.ticket += 1
        task.parked = True
        if seconds is not None:
            due = self.now_ns + max(0, math.ceil(seconds * 1e9))  # what is left of a wait is never nothing
            heapq.heappush(self._timers, (due, next(self._order), task, task.ticket))
        woken: bool = task.body.parent.switch()
        return woken

    def wake(self, task: Task) -> None:
        """End its wait, if it waits."""
        if task.parked:
            task.parked = False
            self._ready.append((task, True))

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`; outside the machine nobody waits."""
        if self._current is not None:
            self.park(seconds)

    def breathe(self) -> None:
        """A thread has come to a lock: perhaps others go first."""
        self._alone -= 1
        if self._alone <= 0:
            self._alone = self.random.randrange(1, CROWDED)
            if self._current is not None and not self._off:
                self.park(0.0)

    def run(self, limit: float, until: Callable[[], bool] = lambda: False) -> None:
        """Go on until every thread waits for ever or is over, or `until` says so; raises `Stuck` after
        `limit` seconds."""
        while not until():
            if self._ready:
                self._turns += 1
                if self._turns > MOST_TURNS:
                    raise Stuck(f"the session takes turn after turn, and it is {self.seconds:.3f} s")
                place = self.random.randrange(len(self._ready)) if len(self._ready) > 1 else 0
                task, woken = self._ready.pop(place)
                self._current = task
                try:
                    task.body.switch(woken)
                finally:
                    self._current = None
            elif not self._advance(limit):
                return

    def switch_off(self) -> list[str]:
        """End every thread where it waits; the names of those that had not ended."""
        left = [task for task in self.tasks if task.alive]
        self._off = True
        for task in left:
            task.body.throw(GreenletExit)
        return [task.name for task in left]

    def _advance(self, limit: float) -> bool:
        """Go to the next moment at which a wait is over; False where there is none."""
        while self._timers and not self._ready:
            due = self._timers[0][0]
            if (due - START_NS) / 1e9 > limit:
                raise Stuck(f"the session still runs after {limit:.0f} s")
            while self._timers and self._timers[0][0] == due:
                _, _, task, ticket = heapq.heappop(self._timers)
                if task.parked and task.ticket == ticket:
                    task.parked = False
                    self._ready.append((task, False))
            if self._ready:
                self.now_ns = max(self.now_ns, due)
        return bool(self._ready)


class Lock:
    """As `threading.Lock`, or with `again` as `threading.RLock`."""

    def __init__(self, machine: Machine, *, again: bool = False) -> None:
        self._machine = machine
        self._again = again
        self._owner: object = None
        self._depth = 0
        self._waiting: list[Task] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        machine = self._machine
        machine.breathe()
        me: object = machine.current or machine
        while self._owner is not None and not (self._again and self._owner is me):
            if not blocking or machine.current is None:
                return False
            self._waiting.append(machine.current)
            machine.park(None if timeout < 0 else timeout)
            if machine.current in self._waiting:
                self._waiting.remove(machine.current)
                return False
        self._owner, self._depth = me, self._depth + 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.let_go()

    def let_go(self) -> int:
        """Release it however often it was taken; gives how often."""
        depth, self._owner, self._depth = self._depth, None, 0
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            self._machine.wake(task)
        return depth

    def locked(self) -> bool:
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *raised: object) -> None:
        self.release()


class Condition:
    """As `threading.Condition`."""

    def __init__(self, machine: Machine, lock: Lock | None = None) -> None:
        self._machine = machine
        self._lock = Lock(machine, again=True) if lock is None else lock
        self._waiting: list[Task] = []
        self.acquire, self.release = self._lock.acquire, self._lock.release

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *raised: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        task = self._machine.current
        if task is None:
            raise GreenletExit
        depth = self._lock.let_go()
        self._waiting.append(task)
        self._machine.park(timeout)
        woken = task not in self._waiting  # perhaps at the very moment at which its time was over
        if not woken:
            self._waiting.remove(task)
        for _ in range(depth):
            self._lock.acquire()
        return woken

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        end = None if timeout is None else self._machine.seconds + timeout
        while not (found := predicate()):
            left = None if end is None else end - self._machine.seconds
            if left is not None and left <= 0:
                break
            self.wait(left)
        return found

    def notify(self, n: int = 1) -> None:
        woken, self._waiting = self._waiting[:n], self._waiting[n:]
        for task in woken:
            self._machine.wake(task)

    def notify_all(self) -> None:
        self.notify(len(self._waiting))


class Event:
    """As `threading.Event`."""

    def __init__(self, machine: Machine) -> None:
        self._set = False
        self._changed = Condition(machine)

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._changed.notify_all()

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        return self._changed.wait_for(self.is_set, timeout)


class Thread:
    """As `threading.Thread`."""

    def __init__(
        self,
        machine: Machine,
        group: None = None,
        target: Callable[..., object] = lambda: None,
        name: str = "thread",
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        *,
        daemon: bool = False,
    ) -> None:
        self.name, self.daemon = name, daemon
        self._machine = machine
        self._run: Callable[[], object] = partial(target, *args, **(kwargs or {}))
        self._task: Task | None = None
        self._over = Event(machine)

    def start(self) -> None:
        def run() -> None:
            try:
                self._run()
            finally:
                self._over.set()

        self._task = self._machine.spawn(run, self.name)

    def is_alive(self) -> bool:
        return self._task is not None and self._task.alive

    def join(self, timeout: float | None = None) -> None:
        self._over.wait(timeout)
