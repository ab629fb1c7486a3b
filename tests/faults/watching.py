"""A session under watch: when each message left it, when the fault struck, and what came of that."""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from emotrack.stream.wire.protocol.messages import Emotion, Error, Feed, Message, Session
from faults.matrix import Observation

Matches = Callable[[Message], bool]

ORDINARY = {"user", "untrained", "no recogniser", "no video", "no detector", "not yet"}
"""Reasons that labels of the matrix's sessions lack something for without any fault."""


def tells(message: Message) -> bool:
    """Whether this says that something is wrong."""
    return isinstance(message, Error) or (isinstance(message, Feed) and message.state != "up")


def heals(message: Message) -> bool:
    """Whether this says that something is well again."""
    return isinstance(message, Feed) and message.state == "up"


def is_final(message: Message, source: str | None = None) -> bool:
    """Whether it is a final label (of this feed)."""
    return isinstance(message, Emotion) and message.state == "final" and source in (None, message.source)


def present(modality: str) -> Matches:
    """Whether a message is a final label with this modality."""
    return lambda message: (
        isinstance(message, Emotion) and message.state == "final" and message.modalities[modality].present
    )


@dataclass(frozen=True, slots=True)
class Stamped:
    """A message, and the second of `time.monotonic` at which it was there."""

    at: float
    message: Message


@dataclass
class Trial:
    """Takes the messages of one session on any thread."""

    told: list[Stamped] = field(default_factory=list)
    struck: float | None = None
    """Second of `time.monotonic` at which the fault struck."""
    failure: BaseException | None = None
    """What the session ended with, where it did in this process."""
    process: "subprocess.Popen[Any] | None" = None
    """Where it runs, where that is another process."""
    said: list[str] = field(default_factory=list)
    """Lines of its standard error."""
    stop: Callable[[], None] = lambda: None
    over: threading.Event = field(default_factory=threading.Event)
    react: Callable[[Message], None] = lambda message: None
    _news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, message: Message) -> None:
        """The next message."""
        with self._news:
            self.told.append(Stamped(time.monotonic(), message))
            self._news.notify_all()
        self.react(message)

    def end(self) -> None:
        """There will be no more."""
        self.over.set()
        with self._news:
            self._news.notify_all()

    def strike(self) -> None:
        """The fault strikes now, unless it has already."""
        if self.struck is None:
            self.struck = time.monotonic()

    def wait_for(
        self, matches: Matches, seconds: float = 20.0, *, since: float = float("-inf")
    ) -> Stamped | None:
        """The first message of that kind, from `since` on; None where none comes."""
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for stamped in self.told:
                    if stamped.at >= since and matches(stamped.message):
                        return stamped
                left = deadline - time.monotonic()
                if left <= 0 or self.over.is_set():
                    return None
                self._news.wait(min(left, 0.5))

    def wait(self, seconds: float = 40.0) -> bool:
        """Wait for the end of the session."""
        return self.over.wait(seconds)

    def close(self, seconds: float = 2.0) -> float:
        """Stop it, and how long that took; see `observe` for one that does not stop."""
        began = time.monotonic()
        self.stop()
        self.wait(max(10.0, seconds))
        return time.monotonic() - began

    @property
    def messages(self) -> list[Message]:
        """All so far."""
        return [stamped.message for stamped in self.told]

    def finals(self, source: str | None = None) -> list[Emotion]:
        """The final labels (of one feed)."""
        return [m for m in self.messages if isinstance(m, Emotion) and is_final(m, source)]

    def first(self, matches: Matches, since: float | None = None) -> Stamped | None:
        """The first message of that kind, from the strike on unless from `since`."""
        begin = since if since is not None else self.struck if self.struck is not None else float("-inf")
        return next((one for one in self.told if one.at >= begin and matches(one.message)), None)

    def observe(
        self,
        expected: int,
        *,
        told: Matches = tells,
        well: Matches | None = None,
        more: tuple[str, ...] = (),
        killed: bool = False,
    ) -> Observation:
        """What came of the fault, in a session that has ended; `expected`: its final labels, altogether.

        `told` are the messages that tell of it, `well` those that show that all is well again, after it was
        told. `killed`: the session was not to end in order.
        """
        complaints = list(more)
        struck = self.struck
        if struck is None:
            complaints.append("the fault never struck")
            struck = float("inf")
        if not self.over.is_set():
            complaints.append("the session hangs")
        if self.failure is not None:
            complaints.append(f"the session died: {type(self.failure).__name__}: {str(self.failure)[:150]}")
        if any("Traceback" in line for line in self.said):
            complaints.append(f"a traceback: {self.said[-1][:150]}")
        if not killed and self.over.is_set():
            last = self.messages[-1] if self.told else None
            if not (isinstance(last, Session) and last.state == "ended"):
                complaints.append("it does not end in order")
        detected = self.first(told, struck)
        back = None
        if well is not None:
            back = self.first(well, detected.at if detected is not None else struck)
        complaints += self._disorder()
        return Observation(
            _sentence(detected.message) if detected is not None else self._last_words(),
            None if detected is None else max(0.0, detected.at - struck),
            self._masked(struck),
            None if back is None else back.at - struck,
            self._lost(expected, killed),
            tuple(complaints),
        )

    def _last_words(self) -> str:
        return next((line for line in reversed(self.said) if line.startswith("emotrack: ")), "")

    def _lost(self, expected: int, killed: bool) -> int:
        """Utterances without a final label: of those that were to come, and of those that had begun."""
        labels = [message for message in self.messages if isinstance(message, Emotion)]
        final = {label.utterance for label in labels if label.state == "final"}
        begun = {label.utterance for label in labels}
        return max(0, expected - len(final), 0 if killed else len(begun - final))

    def _disorder(self) -> list[str]:
        """What is wrong with the order of the messages."""
        found = []
        numbers = [message.seq for message in self.messages]
        if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            found.append("messages are missing or out of order")
        finals = [label.utterance for label in self.finals()]
        if len(set(finals)) < len(finals):
            found.append("an utterance has two final labels")
        return found

    def _masked(self, struck: float) -> tuple[str, ...]:
        """What labels lack since the fault and did not before."""
        lacks: list[dict[str, None]] = [{}, {}]
        for stamped in self.told:
            label = stamped.message
            if isinstance(label, Emotion) and label.state == "final":
                for name, state in label.modalities.items():
                    if not state.present and state.reason not in ORDINARY:
                        lacks[stamped.at >= struck][f"{name} ({state.reason})"] = None
        return tuple(lack for lack in lacks[1] if lack not in lacks[0])


def _sentence(message: Message) -> str:
    """What a message says to people."""
    match message:
        case Error():
            return message.message
        case Feed():
            whole = message.medium or "feed"
            return f"{whole} {message.state}: {message.reason}"
        case _:
            return type(message).__name__.lower()
