"""The one door through which messages leave: numbered, stamped, checked, and handed to the sinks in order."""

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from emotrack.stream.messages import Error, Heartbeat, Message, TopicPosition, decode, encode, topic

log = logging.getLogger(__name__)

LISTED_TOPICS = 64
"""Topics that a heartbeat lists: the most recently used ones, so that speakers long gone drop out."""
KEPT_TOPICS = 10_000
"""Topics whose counters are kept; one that comes back after so many others starts again at 1."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way out, with its topic and its JSON form."""

    message: Message
    topic: str
    json: bytes


class SinkFailed(Exception):
    """A sink takes no more messages; the text is one sentence. `stop`: nobody reads any more, tracking should end."""

    def __init__(self, sentence: str, *, stop: bool = False) -> None:
        super().__init__(sentence)
        self.stop = stop


class Sink(Protocol):
    """Where messages go: the publisher, the recorder, a listener in this process."""

    def write(self, outgoing: Outgoing) -> None:
        """Take one message; raise `SinkFailed` when no more can be taken."""
        ...

    def close(self) -> None: ...


class Outbox:
    """Numbers, stamps and hands out the messages of one session; thread-safe, one order for all sinks.

    `request_stop` is called when nobody reads any more. `snapshot_endpoint` is repeated in every heartbeat.
    """

    def __init__(
        self,
        session: str,
        sinks: Iterable[Sink] = (),
        *,
        snapshot_endpoint: str | None = None,
        request_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.session = session
        self.snapshot_endpoint = snapshot_endpoint
        self._sinks = list(sinks)
        self._request_stop = request_stop
        self._lock = threading.Lock()
        self._seq = 0
        self._topics: OrderedDict[str, TopicPosition] = OrderedDict()

    def add(self, sink: Sink) -> None:
        """Let one more sink have everything from now on."""
        with self._lock:
            self._sinks.append(sink)

    def emit(self, body: Message) -> Message:
        """Give `body` its envelope, send it to every sink, and return it as a subscriber will read it.

        A `ValueError` says that the body breaks the protocol (a NaN, a bad id); then nothing is sent or numbered.
        """
        with self._lock:
            message, failures = self._emit(body)
            stop = False
            while failures:
                failed = failures.pop(0)
                log.warning("%s", failed)
                stop = stop or failed.stop
                when = getattr(message, "time", getattr(message, "end", 0.0))
                failures += self._emit(Error(message=str(failed), continues=not stop, source=None, time=when))[1]
        if stop:
            self._request_stop()
        return message

    def close(self) -> None:
        """Close the sinks; each flushes what it has."""
        with self._lock:
            for sink in self._sinks:
                sink.close()
            self._sinks.clear()

    def _emit(self, body: Message) -> tuple[Message, list[SinkFailed]]:
        outgoing = self._seal(body)
        failures = []
        for sink in list(self._sinks):
            try:
                sink.write(outgoing)
            except SinkFailed as failed:
                self._sinks.remove(sink)
                sink.close()
                failures.append(failed)
        return outgoing.message, failures

    def _seal(self, body: Message) -> Outgoing:
        """Fill the envelope in; what goes out is what its own reader makes of it, so nothing unreadable ever leaves."""
        name = topic(msgspec.structs.replace(body, session=self.session))
        position = self._topics.get(name)
        seq, topic_seq = self._seq + 1, position.topic_seq + 1 if position else 1
        extra: dict[str, object] = {}
        if isinstance(body, Heartbeat):
            listed = list(self._topics.items())[-LISTED_TOPICS:]
            extra = {"topics": dict(sorted(listed)), "snapshot_endpoint": self.snapshot_endpoint}
        message = msgspec.structs.replace(
            body, session=self.session, seq=seq, topic_seq=topic_seq, published_unix_ns=time.time_ns(), **extra
        )
        payload = encode(message)
        outgoing = Outgoing(decode(payload), name, payload)
        self._seq = seq
        self._topics[name] = TopicPosition(seq=seq, topic_seq=topic_seq)
        self._topics.move_to_end(name)
        if len(self._topics) > KEPT_TOPICS:
            self._topics.popitem(last=False)
        return outgoing


class Listener:
    """A sink that is read in this process by iterating over it; with `limit` messages unread, emitting waits."""

    def __init__(self, limit: int = 10_000) -> None:
        self._queue: queue.Queue[Message | None] = queue.Queue(limit)
        self._left = threading.Event()

    def write(self, outgoing: Outgoing) -> None:
        self._put(outgoing.message)

    def close(self) -> None:
        """No more will come; the reader still gets what waits."""
        self._put(None)

    def __iter__(self) -> Iterator[Message]:
        """The messages until the end; leaving the loop early means that later ones are discarded."""
        try:
            while (message := self._queue.get()) is not None:
                yield message
        finally:
            self._left.set()

    def _put(self, message: Message | None) -> None:
        while not self._left.is_set():
            try:
                return self._queue.put(message, timeout=0.1)
            except queue.Full:
                continue
