"""The messages of a session as the bytes that every client is sent, the last so many of them.

It belongs to the event loop: a client holds no queue, only how far it has read, and is woken where more has
come.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Collection
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from emotrack.stream.views.dashboard.state import Entry, State, entry_of, time_of
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Emotion, Face, Heartbeat, Message, Person

KEPT_BYTES = 64 << 20
"""Bytes of messages of a live session. Half of it is for what lasts (labels that are final, speakers, feeds,
errors: a day of talk), the other half for what passes (faces, states, heartbeats, partial labels)."""
PAGE = 500
"""Messages that are read at a time, if the reader does not say."""
PAGE_BYTES = 1 << 20
"""And their bytes; one message may have more."""

_seq_of = attrgetter("seq")


class Page(NamedTuple):
    """A piece of a history."""

    entries: list[Entry]
    reached: int
    """The last message that was looked at: where to go on."""
    more: bool
    """Whether something comes after that."""


class Ring:
    """The last messages, by `seq`, up to so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: list[Entry] = []
        self._first = 0
        self._bytes = 0
        self.dropped = 0
        """The `seq` of the newest message that had to go; 0 where none had to."""

    def add(self, entry: Entry) -> None:
        """Keep one more."""
        self._entries.append(entry)
        self._bytes += len(entry.payload)
        while self._bytes > self._most_bytes and self._first < len(self._entries) - 1:
            oldest = self._entries[self._first]
            self._bytes -= len(oldest.payload)
            self.dropped = oldest.seq
            self._first += 1
        if self._first > len(self._entries) // 2:
            del self._entries[: self._first]
            self._first = 0

    def after(self, seq: int) -> "islice[Entry]":
        """Those after `seq`, in order."""
        begin = bisect_right(self._entries, seq, lo=self._first, key=_seq_of)
        return islice(self._entries, begin, None)


class History:
    """What is kept of the session that runs, and what holds in it now."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self.changed = asyncio.Event()
        """Set when a message has come, and replaced: whoever waits takes it before looking."""
        self._begin(None)

    def _begin(self, session: str | None) -> None:
        self.session = session
        self.start_unix_ns: int | None = None
        self.start: float | None = None
        """Session time of the first message, in seconds."""
        self.end: float | None = None
        """Session time of the last, in seconds."""
        self.bytes = 0
        """Bytes of all messages so far."""
        self.seq = 0
        """The last message."""
        self.state = State()
        self._lasting = Ring(self._most_bytes // 2)
        self._passing = Ring(self._most_bytes // 2)

    def add(self, message: Message) -> Entry | None:
        """Keep a message; that of another session begins anew. None where it is older than the last."""
        if message.session != self.session:
            self._begin(message.session)
        if message.seq <= self.seq:
            return None
        payload = encode(message)
        time = time_of(message)
        if time is not None:
            self.start = time if self.start is None else self.start
            self.end = time if self.end is None else max(self.end, time)
        self.start_unix_ns = getattr(message, "start_unix_ns", None) or self.start_unix_ns
        self.bytes += len(payload)
        self.seq = message.seq
        entry = entry_of(message, payload, self.end or 0.0, self.bytes)
        self.state.add(entry)
        (self._passing if _passes(message) else self._lasting).add(entry)
        self.wake()
        return entry

    def wake(self) -> None:
        """Have everybody look who waits."""
        woken, self.changed = self.changed, asyncio.Event()
        woken.set()

    def is_whole_after(self, seq: int) -> bool:
        """Whether nothing that came after `seq` had to go."""
        return max(self._lasting.dropped, self._passing.dropped) <= seq

    def page(self, seq: int, kinds: Collection[str] = (), limit: int = PAGE) -> Page:
        """What came after `seq`, a piece at a time; `kinds`: only of these."""
        entries: list[Entry] = []
        size = 0
        for entry in merge(self._lasting.after(seq), self._passing.after(seq), key=_seq_of):
            if kinds and entry.kind not in kinds:
                seq = entry.seq
                continue
            if len(entries) == limit or (entries and size + len(entry.payload) > PAGE_BYTES):
                return Page(entries, seq, more=True)
            entries.append(entry)
            size += len(entry.payload)
            seq = entry.seq
        return Page(entries, max(seq, self.seq), more=False)


def _passes(message: Message) -> bool:
    return isinstance(message, Face | Person | Heartbeat) or (
        isinstance(message, Emotion) and message.state == "partial"
    )
