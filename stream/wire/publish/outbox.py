"""The one door through which messages leave: numbered, stamped, checked, and handed to the sinks in order."""

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

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
from emotrack.stream.wire.publish.bounded import WAITING_BYTES, BoundedQueue
from emotrack.stream.wire.publish.lanes import HURRIED, Lane
from emotrack.stream.wire.publish.sinks import (
    Outgoing,
    Output,
    Sink,
    SinkDelayed,
    SinkFailed,
    SinkIncomplete,
    as_failure,
)

log = logging.getLogger(__name__)
Kind = TypeVar("Kind", bound=Message)
Given = TypeVar("Given")

LISTED_TOPICS = 64
"""Topics that a heartbeat lists: the most recently used ones, so that speakers long gone drop out."""
LONGEST_SENTENCE = 1_000
"""Letters of what is told to people; the rest is left out."""
FOLLOWED = 10_000
"""Messages that may wait for a part of the session which follows all of them."""
KEPT_TOPICS = 10_000
"""Topics whose counters are kept; one that comes back after so many others starts again at 1."""


Trouble = SinkFailed | SinkDelayed | SinkIncomplete


class Outbox:
    """Numbers, stamps and hands out the messages of one session; thread-safe, one order for all sinks.

    A sink that fails or hangs, however it does, is told of once, by a warning and to the other sinks, and
    costs those and the session nothing. `request_stop` is called when none is left but those that only watch
    (`watches`). `patient`: whether the session waits for a sink whose queue is full; one that may not leaves
    messages out of it, which is told as well.
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
        self.patient = True
        self._hurried = float("inf")
        """When the session was asked to end, in seconds of `time.monotonic`."""
        self._sinks: list[Sink | Lane[Outgoing]] = []
        """In the order in which each message is given to them; those that are prompt have no lane."""
        self._beside: list[Lane[Any]] = []
        """Outputs that are given something else than messages."""
        self._lost_before = 0
        """What outputs lack which are gone, and parts of the session."""
        for sink in sinks:
            self._take_in(sink)
        self._request_stop = request_stop
        self._incomplete: list[str] = []
        self._start_unix_ns = time.time_ns()
        self._followers: list[BoundedQueue[Message]] = []
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
            self._take_in(sink)

    def beside(self, output: Output[Given]) -> Callable[[Given, int, int], None]:
        """One more output, of something else than messages: what is called with each of it, its number and
        its size in bytes. What befalls it is told, counted and ended as with every other."""
        lane = Lane(output)
        with self._lock:
            self._beside.append(lane)

        def give(given: Given, number: int, size: int) -> None:
            lane.hand(given, number, size, self._may_wait)
            lane.wait()

        return give

    def hurry(self) -> None:
        """The session is to end: wait for no sink any longer than `HURRIED` seconds; callable from any thread
        and from a signal handler."""
        self._hurried = min(self._hurried, time.monotonic())

    def follow(self) -> BoundedQueue[Message]:
        """Every message from now on, for a part of the session itself, which takes them out of it; one that
        does not lacks those that are too many, which are counted."""
        following: BoundedQueue[Message] = BoundedQueue(FOLLOWED, WAITING_BYTES)
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
            had = self._has_outlet
            self._tell(self._troubles(), body, had)
            message, troubles = self._emit(body)
            self._tell(troubles, message, had)
            stop = had and not self._has_outlet
        if stop:
            self._request_stop()
        return cast(Kind, message)

    def close(self) -> None:
        """Close the sinks; each passes on what it has, as far as that gets on."""
        with self._lock:
            began = time.monotonic()
            for lane in self._lanes:
                lane.end()
            left: list[Sink | Lane[Any]] = [*self._sinks, *self._beside]
            self._sinks, self._beside = [], []
            for sink in left:
                if isinstance(sink, Lane):
                    sink.join(self._may_wait, lambda: max(began, self._hurried) + HURRIED)
                    for trouble in sink.troubles(patient=False):
                        self._count(trouble)
                    continue
                try:
                    sink.close()
                except (Exception, SystemExit) as failure:  # noqa: BLE001 - whatever it is, the others are closed too
                    self._count(as_failure(sink, failure))

    def _take_in(self, sink: Sink) -> None:
        self._sinks.append(sink if getattr(sink, "prompt", False) else Lane(sink))

    @property
    def _lanes(self) -> list[Lane[Any]]:
        return [*(sink for sink in self._sinks if isinstance(sink, Lane)), *self._beside]

    def _may_wait(self) -> bool:
        return self.patient and self._hurried == float("inf")

    def _tell(self, troubles: list[Trouble], about: Message, had: bool) -> None:
        """Tell the sinks that are left of those that are not well; `had`: whether the session had an
        outlet."""
        while troubles:
            trouble = troubles.pop(0)
            goes_on = self._has_outlet or not had
            when = getattr(about, "time", getattr(about, "end", 0.0))
            told = Error(message=str(trouble), continues=goes_on, source=None, time=when)
            troubles += self._emit(told)[1]

    def _emit(self, body: Message) -> tuple[Message, list[Trouble]]:
        """Send one message; with it comes what is to be told of sinks."""
        outgoing = self._seal(body)
        troubles: list[Trouble] = []
        for sink in list(self._sinks):
            if isinstance(sink, Lane):
                sink.hand(outgoing, outgoing.message.seq, len(outgoing.json), self._may_wait)
                sink.wait()
                continue
            try:
                sink.write(outgoing)
            except (SinkDelayed, SinkIncomplete) as told:
                troubles.append(self._count(told))
            except (Exception, SystemExit) as failure:  # noqa: BLE001 - whatever it is, the others go on
                self._sinks.remove(sink)
                with contextlib.suppress(Exception, SystemExit):
                    sink.close()
                troubles.append(self._count(self._placed(as_failure(sink, failure))))
        for following in self._followers:
            self._lost_before += not following.put(outgoing.message, len(outgoing.json))
        return outgoing.message, troubles + self._troubles()

    def _troubles(self) -> list[Trouble]:
        """What is to be told of sinks with a thread; those that have failed are left out from now on."""
        found: list[Trouble] = []
        for lane in self._lanes:
            for trouble in lane.troubles(patient=self._may_wait()):
                if isinstance(trouble, SinkFailed):
                    if lane in self._beside:
                        self._beside.remove(lane)
                    else:
                        self._sinks.remove(lane)
                    self._lost_before += lane.lost
                    trouble = self._placed(trouble)
                found.append(self._count(trouble))
        return found

    @property
    def _lost(self) -> int:
        """What outputs were not given, of all of them together."""
        return self._lost_before + sum(lane.lost for lane in self._lanes)

    @property
    def _has_outlet(self) -> bool:
        """Whether a sink is left for whose sake the session goes on: for one that only `watches` it does
        not."""
        sinks = (sink.sink if isinstance(sink, Lane) else sink for sink in self._sinks)
        return any(not getattr(sink, "watches", False) for sink in sinks)

    def _placed(self, failed: SinkFailed) -> SinkFailed:
        """Who let an output end on purpose is told that the session has not."""
        if failed.unread and self._has_outlet:
            return SinkFailed(f"{str(failed).removesuffix('.')}; the other outputs go on.", unread=True)
        return failed

    def _count(self, trouble: Trouble) -> Trouble:
        log.warning("%s", trouble)
        if isinstance(trouble, SinkIncomplete) or (isinstance(trouble, SinkFailed) and not trouble.unread):
            self._incomplete.append(str(trouble))
        return trouble

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
                    "queues": {**body.queues, "outputs": sum(lane.depth for lane in self._lanes)},
                    "dropped": {**body.dropped, "output_messages": self._lost},
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
