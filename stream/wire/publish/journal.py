"""The journal of a session that may be gone on with: what it published last, on the disk before anybody else
has it, so that whoever goes on counts from there and can be asked for what went before.

One message a line. A file that has as many as can be asked for gives way to a new one, which begins with a
line of what holds then; one file before it is kept.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from emotrack.errors import UserError
from emotrack.files import owner_only
from emotrack.stream.wire.protocol.encoding import BadMessage, decode, encode, topic
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.protocol.parts import Encoding, TopicPosition
from emotrack.stream.wire.protocol.snapshots import RING, SnapshotReply, SnapshotState
from emotrack.stream.wire.publish.forms import whole_lines
from emotrack.stream.wire.publish.sinks import Outgoing, SinkFailed

NAME, BEFORE = "messages.jsonl", "messages.jsonl.before"
_HEAD = b'{"reply":'
_ASK = b'{"request": "snapshot"}'


@dataclass
class Published:
    """What a session has published so far, as far as anybody may still ask for it."""

    seq: int = 0
    topics: dict[str, TopicPosition] = field(default_factory=dict)
    """Where each topic stands."""
    held: list[Outgoing] = field(default_factory=list)
    """What held before the first of `messages`, by `seq`."""
    messages: list[Outgoing] = field(default_factory=list)
    """The last ones, by `seq` without a gap."""

    @property
    def moment(self) -> float:
        """The latest session time that any of them tells of."""
        return max((_time_of(one.message) for one in (*self.held, *self.messages)), default=0.0)


class Journal:
    """A sink that keeps messages in `folder`, each written before `write` returns.

    `known` is what `read_journal` found there. Raises `UserError` where the folder cannot be written.
    """

    watches = True
    prompt = True
    """Nobody may have a message before it has it."""

    def __init__(self, folder: Path, known: Published, *, ring: int = RING) -> None:
        self._path, self._before = folder / NAME, folder / BEFORE
        self._ring = ring
        self._state = SnapshotState("json", ring=1)
        take(self._state, known)
        try:
            if not self._path.exists():
                self._begin()
            self._file = open(self._path, "ab", buffering=0, opener=owner_only)  # noqa: SIM115
            os.ftruncate(self._file.fileno(), whole_lines(self._path))
            self._lines = self._path.read_bytes().count(b"\n")
        except OSError as error:
            raise UserError(
                f"The session cannot be kept in {folder} ({error.strerror}): make room there, or leave out "
                "--resume."
            ) from None

    def write(self, outgoing: Outgoing) -> None:
        """Write one line. Raises `SinkFailed` where that cannot be."""
        line = outgoing.json + b"\n"
        try:
            if self._lines > self._ring:
                self._file.close()
                os.replace(self._path, self._before)
                self._begin()
                self._file = open(self._path, "ab", buffering=0, opener=owner_only)  # noqa: SIM115
                self._lines = 1
            while line:  # on a full disk a part of it may go: what is torn is cut off next time
                line = line[self._file.write(line) :]
        except OSError as error:
            raise SinkFailed(
                f"The session is not kept any more, so that nothing can go on with it: {error.strerror}."
            ) from None
        self._lines += 1
        self._state.add(outgoing.message, outgoing.json)

    def close(self) -> None:
        """All is written."""
        self._file.close()

    def _begin(self) -> None:
        """A file that says what holds."""
        with open(self._path, "wb", opener=owner_only) as file:
            file.write(self._state.answer(_ASK) + b"\n")


def read_journal(folder: Path) -> Published:
    """What the journal in `folder` tells; nothing where there is none. Raises `UserError` where it is
    damaged."""
    found = Published()
    for path in (folder / BEFORE, folder / NAME):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"The session in {folder} cannot be read ({error.strerror}).") from None
        for line in data[: data.rfind(b"\n") + 1].splitlines():  # what is torn at the end never left
            try:
                _take_line(found, line)
            except (BadMessage, msgspec.DecodeError, ValueError) as error:
                raise UserError(
                    f"The session in {folder} is damaged ({str(error)[:100]}): delete that folder to begin "
                    "anew."
                ) from None
    del found.messages[:-RING]
    return found


def take(state: SnapshotState, known: Published, encoding: Encoding = "json") -> None:
    """Let a publisher's memory, which holds messages in this encoding, go on from what was published
    before."""
    for outgoing in (*known.held, *known.messages):
        state.add(
            outgoing.message, outgoing.json if encoding == "json" else encode(outgoing.message, encoding)
        )
    state.go_on(known.seq, known.topics, len(known.messages))


def _take_line(found: Published, line: bytes) -> None:
    if line.startswith(_HEAD):
        if not found.messages:  # else what is before it tells more
            reply = msgspec.json.decode(line, type=SnapshotReply)
            found.held = [_outgoing(bytes(raw)) for raw in reply.current]
            found.seq, found.topics = reply.seq, dict(reply.topics)
        return
    outgoing = _outgoing(line)
    if outgoing.message.seq != found.seq + 1:
        raise ValueError(f"message {found.seq + 1} is missing")
    found.seq = outgoing.message.seq
    found.topics.pop(outgoing.topic, None)
    found.topics[outgoing.topic] = TopicPosition(seq=found.seq, topic_seq=outgoing.message.topic_seq)
    found.messages.append(outgoing)


def _outgoing(line: bytes) -> Outgoing:
    message = decode(line)
    return Outgoing(message, topic(message), line)


def _time_of(message: Message) -> float:
    return float(getattr(message, "time", None) or getattr(message, "end", None) or 0.0)
