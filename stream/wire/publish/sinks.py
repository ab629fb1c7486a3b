"""What an output is, and what it may say of itself; and one for this process."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.bounded import WAITING_BYTES, BoundedQueue

Given_contra = TypeVar("Given_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way out, with its topic and its JSON form."""

    message: Message
    topic: str
    json: bytes


class SinkFailed(Exception):
    """A sink takes no more messages; the text is one sentence. `unread`: its reader merely left, and nothing
    is missing."""

    def __init__(self, sentence: str, *, unread: bool = False) -> None:
        super().__init__(sentence)
        self.unread = unread


class SinkDelayed(Exception):
    """A sink could not pass this message on yet; it keeps it and tries again with the next. The text is one
    sentence."""


class SinkIncomplete(Exception):
    """A sink goes on without what it did not take in time, or could not pass on; the text is one sentence."""


class Output(Protocol[Given_contra]):
    """Where something goes that a session makes, on a thread of its own (lanes.py).

    It may say more of itself. `name`: what it is called in sentences. `things`: what it is given, in the
    plural. `patience`: seconds for which a session that may wait does so where this output gets no further.
    """

    def write(self, given: Given_contra, /) -> None:
        """Take one; raise `SinkFailed` when no more can be taken, `SinkDelayed` once when it has to wait,
        `SinkIncomplete` once when it goes on without some."""
        ...

    def close(self) -> None:
        """Pass on what waits; raise `SinkFailed` when that is not possible."""
        ...


class Sink(Output[Outgoing], Protocol):
    """Where messages go: the publisher, the recorder, a listener in this process.

    It may say still more of itself. `watches`: no session goes on for its sake. `prompt`: it never waits for
    anything, so that it is called on the session's own thread. `keeps`: it writes to something that stays,
    which a policy may refuse.
    """


def name_of(sink: Output[Any]) -> str:
    """What it is called in sentences."""
    return str(getattr(sink, "name", type(sink).__name__))


def as_failure(sink: Output[Any], failure: BaseException) -> SinkFailed:
    """What is told of a sink that failed in its own way."""
    if isinstance(failure, SinkFailed):
        return failure
    return SinkFailed(f"{name_of(sink)} has failed: {type(failure).__name__}: {failure}.")


class Listener:
    """A sink that is read in this process by iterating over it; with `limit` messages unread, or as many
    bytes as may wait for any output, it takes no more."""

    name = "The program that reads the messages"
    patience = float("inf")
    """It sets the pace of a session that may wait."""

    def __init__(self, limit: int = 10_000) -> None:
        self._queue: BoundedQueue[Message | _Ended] = BoundedQueue(limit, WAITING_BYTES)
        self._left = threading.Event()

    def write(self, outgoing: Outgoing) -> None:
        """Take a message, as soon as there is room."""
        self._put(outgoing.message, len(outgoing.json))

    def close(self) -> None:
        """No more will come; the reader still gets what waits."""
        self._put(_Ended(), 0)

    def __iter__(self) -> Iterator[Message]:
        """The messages until the end; leaving the loop early means that later ones are discarded."""
        try:
            while (message := self._queue.get(None)) is not None and not isinstance(message, _Ended):
                yield message
        finally:
            self.leave()

    def leave(self) -> None:
        """The reader wants no more: emitting waits for it no longer."""
        self._left.set()
        while True:  # whoever waits for a message is told that none will come, behind nothing
            self._queue.clear()
            if self._queue.put(_Ended(), 0):
                return

    def _put(self, message: "Message | _Ended", size: int) -> None:
        while not self._left.is_set() and not self._queue.put(message, size, 0.1):
            pass


class _Ended:
    """Stands behind the last message."""
