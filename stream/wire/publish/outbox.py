"""The one door through which messages leave: numbered, stamped, checked, and handed to the sinks in order."""

import contextlib
import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import msgspec

from emotrack.notify import shorten
from emotrack.stream.wire.protocol.encoding import decode, encode, topic
from emotrack.stream.wire.protocol.messages import (
    Emotion,
    Error,
    Face,
    Feed,
    Heartbeat,
    Message,
    Person,
    Session,
)
from emotrack.stream.wire.protocol.parts import TopicPosition

log = logging.getLogger(__name__)
Kind = TypeVar("Kind", bound=Message)

LISTED_TOPICS = 64
"""Topics that a heartbeat lists: the most recently used ones, so that speakers long gone drop out."""
LONGEST_SENTENCE = 1_000
"""Letters of what is told to people; the rest is left out."""
KEPT_TOPICS = 10_000
"""Topics whose counters are kept; one that comes back after so many others starts again at 1."""


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


class Sink(Protocol):
    """Where messages go: the publisher, the recorder, a listener in this process."""

    def write(self, outgoing: Outgoing) -> None:
        """Take one message; raise `SinkFailed` when no more can be taken, `SinkDelayed` once when it has to
        wait."""
        ...

    def close(self) -> None:
        """Pass on what waits; raise `SinkFailed` when that is not possible."""
        ...


class Outbox:
    """Numbers, stamps and hands out the messages of one session; thread-safe, one order for all sinks.

    A sink that fails, however it does, is told of once, by a warning and to the other sinks, and leaves those
    alone. `request_stop` is called when none is left but those that only watch (`watches`).
    `snapshot_endpoint` is repeated in every heartbeat, and the session's start in every label and heartbeat,
    so that who joins late can place them.
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
        self._incomplete: list[str] = []
        self._start_unix_ns = time.time_ns()
        self._followers: list[deque[Message]] = []
        self._lock = threading.Lock()
        self._seq = 0
        self._topics: OrderedDict[str, TopicPosition] = OrderedDict()
        self.silent = False
        """Whether nothing leaves but that the session lives: what is told now was told before."""

    def go_on(self, seq: int, topics: Mapping[str, TopicPosition]) -> None:
        """Count on from message `seq`, with each topic where it stood."""
        with self._lock:
            self._seq, self._topics = seq, OrderedDict(topics)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """What was told of sinks that do not hold the whole session, for another reason than that their
        reader left."""
        return tuple(self._incomplete)

    def add(self, sink: Sink) -> None:
        """Let one more sink have everything from now on."""
        with self._lock:
            self._sinks.append(sink)

    def follow(self) -> deque[Message]:
        """Every message from now on, for a part of the session itself, which takes them out of it."""
        following: deque[Message] = deque()
        with self._lock:
            self._followers.append(following)
        return following

    def emit(self, body: Kind) -> Kind:
        """Give `body` its envelope, send it to every sink, and return it as a subscriber will read it.

        A `ValueError` says that the body breaks the protocol (a NaN, a bad id); then nothing is sent or
        numbered. While it is `silent`, all but heartbeats are returned as they are.
        """
        if self.silent and not isinstance(body, Heartbeat):
            return body
        with self._lock:
            message, troubles = self._emit(body)
            stop = False
            while troubles:
                trouble = troubles.pop(0)
                stop = not self._has_outlet
                when = getattr(message, "time", getattr(message, "end", 0.0))
                troubles += self._emit(
                    Error(message=str(trouble), continues=not stop, source=None, time=when)
                )[1]
        if stop:
            self._request_stop()
        return cast(Kind, message)

    def close(self) -> None:
        """Close the sinks; each passes on what it has."""
        with self._lock:
            while self._sinks:
                sink = self._sinks.pop(0)
                try:
                    sink.close()
                except (Exception, SystemExit) as failure:  # noqa: BLE001 - whatever it is, the others are closed too
                    self._count(_as_failure(sink, failure))

    def _emit(self, body: Message) -> tuple[Message, list[SinkFailed | SinkDelayed]]:
        """Send one message; with it comes what is to be told of sinks."""
        outgoing = self._seal(body)
        troubles: list[SinkFailed | SinkDelayed] = []
        for sink in list(self._sinks):
            try:
                sink.write(outgoing)
            except SinkDelayed as delayed:
                log.warning("%s", delayed)
                troubles.append(delayed)
            except (Exception, SystemExit) as failure:  # noqa: BLE001 - whatever it is, the others go on
                self._sinks.remove(sink)
                with contextlib.suppress(Exception, SystemExit):
                    sink.close()
                troubles.append(self._count(self._placed(_as_failure(sink, failure))))
        for following in self._followers:
            following.append(outgoing.message)
        return outgoing.message, troubles

    @property
    def _has_outlet(self) -> bool:
        """Whether a sink is left for whose sake the session goes on: for one that only `watches` it does
        not."""
        return any(not getattr(sink, "watches", False) for sink in self._sinks)

    def _placed(self, failed: SinkFailed) -> SinkFailed:
        """Who let an output end on purpose is told that the session has not."""
        if failed.unread and self._has_outlet:
            return SinkFailed(f"{str(failed).removesuffix('.')}; the other outputs go on.", unread=True)
        return failed

    def _count(self, failed: SinkFailed) -> SinkFailed:
        log.warning("%s", failed)
        if not failed.unread:
            self._incomplete.append(str(failed))
        return failed

    def _seal(self, body: Message) -> Outgoing:
        """Fill the envelope in; what goes out is what its own reader makes of it, so nothing unreadable ever
        leaves."""
        name = topic(msgspec.structs.replace(body, session=self.session))
        position = self._topics.get(name)
        seq, topic_seq = self._seq + 1, position.topic_seq + 1 if position else 1
        extra: dict[str, object] = {}
        match body:
            case Error() if len(body.message) > LONGEST_SENTENCE:  # others' words may be in it
                extra = {"message": shorten(body.message, LONGEST_SENTENCE)}
            case Feed(reason=str() as reason) if len(reason) > LONGEST_SENTENCE:
                extra = {"reason": shorten(reason, LONGEST_SENTENCE)}
            case Session():
                self._start_unix_ns = body.start_unix_ns
            case Emotion() | Face() | Person():
                extra = {"start_unix_ns": self._start_unix_ns}
            case Heartbeat():
                listed = dict(sorted(list(self._topics.items())[-LISTED_TOPICS:]))
                extra = {
                    "start_unix_ns": self._start_unix_ns,
                    "topics": listed,
                    "snapshot_endpoint": self.snapshot_endpoint,
                }
        message = msgspec.structs.replace(
            body,
            session=self.session,
            seq=seq,
            topic_seq=topic_seq,
            published_unix_ns=time.time_ns(),
            **extra,
        )
        payload = encode(message)
        outgoing = Outgoing(decode(payload), name, payload)
        self._seq = seq
        self._topics[name] = TopicPosition(seq=seq, topic_seq=topic_seq)
        self._topics.move_to_end(name)
        if len(self._topics) > KEPT_TOPICS:
            self._topics.popitem(last=False)
        return outgoing


def _as_failure(sink: Sink, failure: BaseException) -> SinkFailed:
    if isinstance(failure, SinkFailed):
        return failure
    return SinkFailed(f"{type(sink).__name__} has failed: {type(failure).__name__}: {failure}.")


class Listener:
    """A sink that is read in this process by iterating over it; with `limit` messages unread, emitting
    waits."""

    def __init__(self, limit: int = 10_000) -> None:
        self._queue: queue.Queue[Message | None] = queue.Queue(limit)
        self._left = threading.Event()

    def write(self, outgoing: Outgoing) -> None:
        """Take a message; see the class for what becomes of the oldest."""
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
            self.leave()

    def leave(self) -> None:
        """The reader wants no more: emitting waits for it no longer."""
        self._left.set()
        while True:  # whoever waits for a message is told that none will come, behind nothing
            with contextlib.suppress(queue.Empty):
                while True:
                    self._queue.get_nowait()
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)
                return

    def _put(self, message: Message | None) -> None:
        while not self._left.is_set():
            try:
                self._queue.put(message, timeout=0.1)
                return
            except queue.Full:
                continue
