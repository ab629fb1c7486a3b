"""What the ROUTER socket knows and answers: what holds now, and the last events.

A request is one JSON object, `{"request": "snapshot", "since": seq}`; `session`, `id` and `since` may be left
out. The reply has the publisher's encoding. It carries what holds now and, with `since`, the events after it,
a page at a time.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from emotrack.stream.wire.protocol.encoding import topic
from emotrack.stream.wire.protocol.messages import (
    SCHEMA,
    Emotion,
    Face,
    Feed,
    Message,
    Person,
    Session,
    Speaker,
)
from emotrack.stream.wire.protocol.parts import Count, Encoding, Identifier, TopicPosition
from emotrack.stream.wire.protocol.pictures import Integer, PictureReply, PictureRequest

RING = 10_000
"""Events that can be asked for again."""
RING_BYTES = 64 << 20
"""Their size; the oldest go first."""
PAGE = 1_000
"""Events in one reply, so that no answer holds up publishing for long."""
PAGE_BYTES = 8 << 20
"""Size of a page of several events."""
LARGEST_REQUEST = 4_096
"""Bytes."""
KEPT_CURRENT = 256
"""Speakers, people, faces and media, so many of each, of which is kept what holds; the one unheard for
longest goes first."""
KEPT_TOPICS = 10_000
NO_PICTURES = "This tracker shows no pictures: `emotrack run --pictures` does."


Key = TypeVar("Key")


class SnapshotRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="snapshot"):
    """What a client asks."""

    id: Integer = 0
    """Repeated in the reply."""
    session: str | None = None
    """The session in which `since` counts; where another one runs, the answer tells of that one and holds no
    events."""
    since: Integer | None = None


class SnapshotReply(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="snapshot"):
    """What a client is told; the messages in it are, byte for byte, what was published."""

    schema: str = SCHEMA
    id: int
    session: Identifier | None
    """The session that runs; null before the first message."""
    seq: Count
    """The last message that this answer knows of."""
    topics: dict[str, TopicPosition]
    """Where each topic stood then."""
    current: list[msgspec.Raw]
    """By `seq`: the session message, the latest word on every feed, every face that is there and every
    person, and of every speaker the event that told of them, the latest label of a finished utterance, and
    the partial one of an utterance after it."""
    events: list[msgspec.Raw]
    """The events after `since`, by `seq`."""
    lost: Count
    """Events after `since` that the ring no longer holds."""
    more: bool
    """Whether to ask again with the `seq` of the last event of this page."""
    complete: bool
    """Whether nothing after `since` is lost."""


class SnapshotRefusal(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="error"):
    """Why a request was not answered, in one sentence; `busy`: the same request may succeed a moment
    later."""

    schema: str = SCHEMA
    id: int = 0
    message: str
    busy: bool = False


Reply = SnapshotReply | SnapshotRefusal


class Held(NamedTuple):
    """A message that holds now."""

    seq: int
    payload: bytes
    start: float = 0.0
    """Session time at which its utterance began."""


class SnapshotState:
    """Remembers what was published and answers requests; knows nothing of sockets. `show` answers requests
    for pictures, where any may be shown."""

    def __init__(
        self,
        encoding: Encoding,
        ring: int = RING,
        show: Callable[[PictureRequest], PictureReply] | None = None,
    ) -> None:
        self._show = show
        self._encode = msgspec.json.encode if encoding == "json" else msgspec.msgpack.encode
        self._ring: deque[bytes] = deque()
        self._ring_most, self._ring_bytes = ring, 0
        self._session: str | None = None
        self._seq = 0
        self._topics: OrderedDict[str, TopicPosition] = OrderedDict()
        self._about: Held | None = None
        self._current: dict[str, OrderedDict[tuple[str, ...], dict[str, Held]]] = {}
        """What holds of each subject, by kind: faces that pass by push out no speaker."""

    def add(self, message: Message, payload: bytes) -> None:
        """Remember a published message; those of one session come in order of `seq`, without a gap."""
        if message.session != self._session:
            self._session, self._about, self._ring_bytes = message.session, None, 0
            for kept in (self._ring, self._topics, self._current):
                kept.clear()
        self._seq = message.seq
        self._ring.append(payload)
        self._ring_bytes += len(payload)
        while len(self._ring) > self._ring_most or (self._ring_bytes > RING_BYTES and len(self._ring) > 1):
            self._ring_bytes -= len(self._ring.popleft())
        name = topic(message)
        self._topics[name] = TopicPosition(seq=message.seq, topic_seq=message.topic_seq)
        _keep_latest(self._topics, name, KEPT_TOPICS)
        match message:
            case Session():
                self._about = Held(message.seq, payload)
            case Emotion():
                self._set_label(self._about_subject("speaker", message.speaker.id), message, payload)
            case Face():
                if message.event == "lost":
                    self._forget("face", message.source, str(message.track))
                else:
                    subject = self._about_subject("face", message.source, str(message.track))
                    subject["face"] = Held(message.seq, payload)
            case Person():
                if message.state == "away" and message.utterance is None:  # nobody will know them again
                    self._forget("person", message.person)
                else:
                    self._about_subject("person", message.person)["person"] = Held(message.seq, payload)
            case Feed():
                self._about_subject("feed", message.source, message.medium or "")["state"] = Held(
                    message.seq, payload
                )
            case Speaker():
                held = self._about_subject("speaker", message.speaker)
                if message.event == "alias":  # from now on someone else's: no label of their own
                    held.clear()
                    self._forget("person", message.speaker)
                held["event"] = Held(message.seq, payload)

    def go_on(self, seq: int, topics: Mapping[str, TopicPosition], kept: int) -> None:
        """Of a session that is gone on with everything was added that is known of it: its last message was
        `seq`, its topics stood so, and only the last `kept` messages may be asked for."""
        self._seq = seq
        self._topics = OrderedDict(topics)
        while len(self._ring) > kept:
            self._ring_bytes -= len(self._ring.popleft())

    def answer(self, request: bytes) -> bytes:
        """The reply to a request, whatever its bytes."""
        if len(request) > LARGEST_REQUEST:
            return self.refuse(f"A request is at most {LARGEST_REQUEST} bytes, this one has {len(request)}.")
        try:
            asked = msgspec.json.decode(request, type=SnapshotRequest | PictureRequest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self.refuse(f'Not a request such as {{"request": "snapshot", "since": 0}}: {error}.')
        if isinstance(asked, SnapshotRequest):
            return self._encode(self._reply(asked))
        if self._show is None:
            return self.refuse(NO_PICTURES)
        return self._encode(self._show(asked))

    def refuse(self, sentence: str, *, busy: bool = False) -> bytes:
        """The reply that a request is not answered."""
        return self._encode(SnapshotRefusal(message=sentence, busy=busy))

    def _reply(self, asked: SnapshotRequest) -> SnapshotReply:
        events: list[bytes] = []
        lost, more = 0, False
        known = asked.session is None or asked.session == self._session
        if asked.since is not None and known:
            since = max(0, asked.since)
            before_ring = self._seq - len(self._ring)
            lost = max(0, before_ring - since)
            skip = max(0, since - before_ring)
            events = _page(islice(self._ring, skip, None))
            more = skip + len(events) < len(self._ring)
        current = [
            held
            for subjects in self._current.values()
            for subject in subjects.values()
            for held in subject.values()
        ]
        if self._about:
            current.append(self._about)
        return SnapshotReply(
            id=asked.id,
            session=self._session,
            seq=self._seq,
            topics=dict(self._topics),
            current=[msgspec.Raw(held.payload) for held in sorted(current)],
            events=[msgspec.Raw(payload) for payload in events],
            lost=lost,
            more=more,
            complete=known and lost == 0,
        )

    def _about_subject(self, kind: str, *key: str) -> dict[str, Held]:
        """What holds for a speaker, a person, a face or a medium, to be changed."""
        subjects = self._current.setdefault(kind, OrderedDict())
        held = subjects.setdefault(key, {})
        _keep_latest(subjects, key, KEPT_CURRENT)
        return held

    def _forget(self, kind: str, *key: str) -> None:
        if kind in self._current:
            self._current[kind].pop(key, None)

    def _set_label(self, held: dict[str, Held], emotion: Emotion, payload: bytes) -> None:
        """Replace a speaker's label, unless it tells of an earlier utterance (as a revised label may)."""
        fresh = Held(emotion.seq, payload, emotion.start)
        label, partial = held.get("label"), held.get("partial")
        if emotion.state == "partial":
            if label is None or fresh.start > label.start:
                held["partial"] = fresh
            return
        if label is None or fresh.start >= label.start:
            held["label"] = fresh
        if partial is not None and fresh.start >= partial.start:
            del held["partial"]


def _page(waiting: Iterable[bytes]) -> list[bytes]:
    """The events of one reply: the first, and as many more as a page takes."""
    page: list[bytes] = []
    size = 0
    for payload in islice(waiting, PAGE):
        size += len(payload)
        if page and size > PAGE_BYTES:
            break
        page.append(payload)
    return page


def _keep_latest(entries: OrderedDict[Key, Any], key: Key, limit: int) -> None:
    entries.move_to_end(key)
    if len(entries) > limit:
        entries.popitem(last=False)
