"""What is done with each alert, a command or a post to a web address: each on a thread of its own, for which
nothing waits.

A command is started as it is written, without a shell; what the alert says is in its environment, as
EMOTRACK_EVENT, _RULE, _SESSION, _PERSON, _TIME, _SINCE, _LABEL, _CONFIDENCE, _VALENCE, _AROUSAL, and all of
it as JSON in EMOTRACK_ALERT. A value that is not known is not set.
"""

import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from io import UnsupportedOperation

import msgspec

from emotrack.errors import UserError, first_line
from emotrack.notify import Notify, plain, shorten
from emotrack.stream.views.alerts.holding import Alert

WAITING = 64
"""Alerts that wait for an action to end; those beyond are left out."""
A_MINUTE = 120
"""Alerts that are acted on within a minute, at most, of a session that goes on."""
COMMAND_SECONDS = 60.0
"""How long a command may take."""
ENDING = 10.0
"""How long actions that wait may take, in all, when nothing more comes."""
LONGEST = 400
"""Letters of what is told of an action that failed."""

Action = Callable[[Alert], str | None]
"""Does something with an alert, and gives a sentence where that failed."""


def as_json(alert: Alert) -> bytes:
    """An alert as one JSON object: the numbers of the person's state beside what it says itself."""
    state = alert.state
    numbers = {name: getattr(state, name) for name in ("label", "confidence", "scores", "valence", "arousal")}
    told = {name: getattr(alert, name) for name in _SAID}
    return msgspec.json.encode({"type": "alert", **told, **numbers})


_SAID = ("event", "rule", "session", "person", "time", "since", "start_unix_ns", "reason")


class Actions:
    """Does every action with every alert it is given, each action with one after the other: a lamp that is
    switched on and off ends as it should.

    `patient`: whether it waits for room instead of leaving alerts out, as is right for a recording, which
    waits for nobody's sake.
    """

    def __init__(self, actions: Sequence[Action], tell: Notify, *, patient: bool = False) -> None:
        self._lines = [_Line(action, tell, patient) for action in actions]
        self._tell = tell
        self._patient = patient

    def give(self, alert: Alert) -> None:
        """Have it acted on; where too much waits, or came within a minute, it is left out, which is told."""
        for line in self._lines:
            line.give(alert)

    def close(self) -> None:
        """Wait for what is under way; what takes too long is left to itself."""
        deadline = float("inf") if self._patient else time.monotonic() + ENDING
        if left := sum(line.left(deadline) for line in self._lines):
            self._tell(f"{left} alerts were not acted on in time.")


class _Line:
    """One action, on a thread of its own, and the alerts that wait for it."""

    def __init__(self, action: Action, tell: Notify, patient: bool) -> None:
        self._action = action
        self._tell = tell
        self._patient = patient
        self._waiting: queue.Queue[Alert] = queue.Queue(WAITING)
        self._lately: deque[float] = deque()
        self._left_out = False
        threading.Thread(target=self._run, name="alert action", daemon=True).start()

    def give(self, alert: Alert) -> None:
        if self._patient:
            self._waiting.put(alert)
        elif self._is_too_often():
            self._leave_out(f"there are more than {A_MINUTE} a minute")
        else:
            try:
                self._waiting.put_nowait(alert)
                self._left_out = False
            except queue.Full:
                self._leave_out(f"{WAITING} wait already")

    def left(self, deadline: float) -> int:
        """How many alerts it has not acted on by then."""
        done = self._waiting.all_tasks_done
        with done:
            while self._waiting.unfinished_tasks and (left := deadline - time.monotonic()) > 0:
                done.wait(min(left, 1.0))
            return self._waiting.unfinished_tasks

    def _run(self) -> None:
        while True:
            alert = self._waiting.get()
            try:
                trouble = self._action(alert)
            except Exception as error:  # noqa: BLE001 - the next alert is acted on all the same
                trouble = f"An action has failed: {type(error).__name__}: {error}."
            if trouble is not None:
                self._tell(plain(shorten(trouble, LONGEST)))
            self._waiting.task_done()

    def _is_too_often(self) -> bool:
        now = time.monotonic()
        while self._lately and now - self._lately[0] > 60:
            self._lately.popleft()
        if len(self._lately) >= A_MINUTE:
            return True
        self._lately.append(now)
        return False

    def _leave_out(self, why: str) -> None:
        """The first in a row is told of; the alerts themselves are told all the same."""
        if not self._left_out:
            self._tell(f"Alerts are not acted on for now: {why}.")
        self._left_out = True


def command(text: str) -> Action:
    """Start this command with each alert; raises `UserError` where it is none, or there is no such
    program."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"--exec {plain(shorten(text, 80))!r} is no command ({first_line(error)}).") from None
    if not words:
        raise UserError("--exec names no command.")
    if shutil.which(words[0]) is None:
        raise UserError(f"--exec {plain(shorten(words[0], 80))!r} is no program that can be started here.")

    def start(alert: Alert) -> str | None:
        return _start(words, environment(alert))

    return start


def environment(alert: Alert) -> dict[str, str]:
    """What a command is told of an alert."""
    state = alert.state
    told = {
        "EVENT": alert.event,
        "RULE": alert.rule,
        "SESSION": alert.session,
        "PERSON": alert.person,
        "TIME": f"{alert.time:.3f}",
        "SINCE": f"{alert.since:.3f}",
        "LABEL": state.label.replace("\0", ""),
        "CONFIDENCE": f"{state.confidence:.4f}",
        "VALENCE": None if state.valence is None else f"{state.valence:.4f}",
        "AROUSAL": None if state.arousal is None else f"{state.arousal:.4f}",
        "ALERT": as_json(alert).decode(),
    }
    return {f"EMOTRACK_{name}": value for name, value in told.items() if value is not None}


def _start(words: Sequence[str], told: dict[str, str]) -> str | None:
    """Run a command to its end; a sentence where it fails. What it prints is talk, not data."""
    name = words[0]
    try:
        talk: int = sys.stderr.fileno()
    except (AttributeError, UnsupportedOperation, ValueError):
        talk = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=talk,
            env={**os.environ, **told},
            start_new_session=True,
        )
    except OSError as error:
        return f"The command {name} cannot be started: {error.strerror}."
    try:
        code = process.wait(COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"The command {name} took more than {COMMAND_SECONDS:g} s and was ended."
    return None if code == 0 else f"The command {name} ended with code {code}."
