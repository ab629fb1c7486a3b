"""What holds of a session at a moment: the messages that together say it, each the newest of its subject."""

from collections import OrderedDict
from typing import NamedTuple

from emotrack.stream.wire.protocol.encoding import kind
from emotrack.stream.wire.protocol.messages import (
    Emotion,
    Error,
    Face,
    Feed,
    Heartbeat,
    Message,
    Person,
    Session,
    Speaker,
)

Subject = tuple[str | int, ...]
KEPT = {"emotion": 200, "error": 20}
"""Of how many subjects of a kind the newest message is kept; the oldest utterances and errors go first."""
KEPT_OTHERS = 256


class Entry(NamedTuple):
    """A message, and where it belongs."""

    seq: int
    kind: str
    time: float
    """Session time at which it came, in seconds; that of a later message is never less."""
    payload: bytes
    """The message as JSON."""
    upto: int
    """Bytes of all messages of the session up to this one, itself included."""
    subject: Subject | None
    """What of its kind it is about, as long as no newer one is; None where nothing holds after it."""
    rank: int
    """One of a lower rank about the same subject changes nothing."""
    ends: tuple[str, Subject] | None
    """Kind and subject of which nothing holds any more."""


def entry_of(message: Message, payload: bytes, time: float, upto: int) -> Entry:
    """The entry of a message."""
    subject: Subject | None = ()
    ends: tuple[str, Subject] | None = None
    rank = 0
    match message:
        case Session() | Heartbeat():
            pass
        case Emotion():
            subject, rank = (message.utterance,), message.revision
        case Face():
            face = (message.source, message.track)
            subject, ends = (None, ("face", face)) if message.event == "lost" else (face, None)
        case Person():
            person = (message.person,)
            forgotten = message.state == "away" and message.utterance is None  # nobody will know them again
            subject, ends = (None, ("person", person)) if forgotten else (person, None)
        case Feed():
            subject = (message.source, message.medium or "")
        case Speaker():
            subject = (message.speaker,)
            if message.event == "alias":
                ends = ("person", subject)
        case Error():
            subject = (message.seq,)
    return Entry(message.seq, kind(message), time, payload, upto, subject, rank, ends)


def time_of(message: Message) -> float | None:
    """The session time up to which a message tells something; None where it tells of no time."""
    match message:
        case Session():
            return 0.0 if message.state == "started" and message.reason is None else None
        case Emotion():
            return message.end
        case _:
            return message.time


class State:
    """What holds, kept up to date message by message."""

    def __init__(self) -> None:
        self._held: dict[str, OrderedDict[Subject, Entry]] = {}

    def add(self, entry: Entry) -> None:
        """Take one more message into account."""
        if entry.ends is not None:
            ended, subject = entry.ends
            self._held.get(ended, OrderedDict()).pop(subject, None)
        if entry.subject is None:
            return
        held = self._held.setdefault(entry.kind, OrderedDict())
        before = held.get(entry.subject)
        if before is not None and before.rank > entry.rank:
            return
        held[entry.subject] = entry
        if entry.kind not in KEPT:
            held.move_to_end(entry.subject)
        while len(held) > KEPT.get(entry.kind, KEPT_OTHERS):
            held.popitem(last=False)

    def copy(self) -> "State":
        """The same, which goes its own way from here."""
        copied = State()
        copied._held = {each: OrderedDict(held) for each, held in self._held.items()}
        return copied

    def entries(self) -> list[Entry]:
        """What holds, in the order in which it came."""
        return sorted(entry for held in self._held.values() for entry in held.values())
