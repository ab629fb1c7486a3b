"""Recordings as MCAP, the container of robotics: its own library writes every record.

Nothing is in a chunk, so that each message is on the disk as soon as it is written, and nothing is behind the
last one but the end itself, so that a recording can be gone on with. `emotrack export --to mcap` makes a
compressed file with an index of it.
"""

import io
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.encoding import BadMessage, decode, kind
from emotrack.stream.wire.protocol.messages import KINDS, SCHEMA, Message
from emotrack.stream.wire.protocol.schema import json_schema
from emotrack.stream.wire.publish.forms import LARGEST_LINE, begins_with
from emotrack.stream.wire.publish.sinks import Outgoing

if TYPE_CHECKING:
    from mcap.writer import Writer

SUFFIX = ".mcap"
MAGIC = bytes((0x89, *b"MCAP0", *b"\r\n"))
"""What such a file begins and ends with (MCAP specification, "File Structure")."""
_NOTHING, MESSAGE, _DATA_END = 0x00, 0x05, 0x0F
"""The first is no record: what a loss of power may leave at the end."""
RECORD_HEAD = struct.Struct("<BQ")
"""Opcode and length of the content (MCAP specification, "Records")."""
_MESSAGE_HEAD = 2 + 4 + 8 + 8


class Mcap:
    """One channel for each kind of message, in JSON, with its JSON Schema.

    Raises `UserError` where the library is missing.
    """

    def __init__(self) -> None:
        self._output = io.BytesIO()
        self._writer = opened(self._output, chunked=False)
        self._channels: Channels | None = None

    def head(self, *, fresh: bool) -> bytes:
        """Magic and header where there are none yet, and the channels in any case."""
        self._writer.start(library=SCHEMA)
        if not fresh:
            self._taken()
        self._channels = Channels(self._writer)
        return self._taken()

    def record(self, outgoing: Outgoing) -> bytes:
        """One message, behind its channel where that is the first time."""
        assert self._channels is not None
        self._channels.add(outgoing.message, outgoing.json)
        return self._taken()

    def tail(self) -> bytes:
        """The end of the data, a footer without a summary, and the magic once more."""
        self._writer.finish()
        return self._taken()

    def recognises(self, path: Path) -> bool:
        """See `Form.recognises`."""
        return begins_with(path, MAGIC)

    def whole(self, path: Path) -> int:
        """See `Form.whole`."""
        with path.open("rb") as file:
            return max((end for _, _, end in records(file)), default=0)

    def last(self, path: Path) -> Message | None:
        """See `Form.last`."""
        with path.open("rb") as file:
            found = [(start, end) for opcode, start, end in records(file) if opcode == MESSAGE][-1:]
            for start, end in found:
                file.seek(start + RECORD_HEAD.size + _MESSAGE_HEAD)
                try:
                    return decode(file.read(min(end - file.tell(), LARGEST_LINE)))
                except BadMessage:
                    return None
        return None

    def _taken(self) -> bytes:
        written = self._output.getvalue()
        self._output.seek(0)
        self._output.truncate()
        return written


class Channels:
    """Messages on their channels."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer
        self._channels: dict[str, int] = {}
        for name in KINDS:
            data = json.dumps(channel_schema(name)).encode()
            schema = writer.register_schema(f"emotrack.{name.capitalize()}", "jsonschema", data)
            self._channels[name] = writer.register_channel(f"/emotrack/{name}", "json", schema)

    def add(self, message: Message, payload: bytes) -> None:
        """One message, and its JSON form."""
        when = message.published_unix_ns
        self._writer.add_message(
            self._channels[kind(message)],
            log_time=when,
            data=payload,
            publish_time=when,
            sequence=message.seq,
        )


def opened(output: IO[bytes], *, chunked: bool) -> "Writer":
    """A writer of records; `chunked`: compressed, with an index.

    Raises `UserError` where the library is missing.
    """
    try:
        from mcap.writer import IndexType, Writer
    except ImportError as error:
        raise missing(error) from error
    if chunked:
        return Writer(output)
    return Writer(
        output,
        use_chunking=False,
        index_types=IndexType.NONE,
        repeat_channels=False,
        repeat_schemas=False,
        use_statistics=False,
        use_summary_offsets=False,
    )


def missing(error: ImportError) -> UserError:
    """What is told where the library of the format is not there."""
    return UserError(
        f"MCAP needs a package that is missing ({error.name}); pip install 'emotrack[recordings]' brings it."
    )


def channel_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one kind of message, an object with all that it refers to inside, as readers of MCAP
    want it."""
    definitions = json_schema()["$defs"]
    schema = definitions.pop(name.capitalize())
    needed: dict[str, Any] = {}
    left = [schema]
    while left:
        for other in re.findall(r'"#/\$defs/(\w+)"', json.dumps(left.pop())):
            if other not in needed:
                needed[other] = definitions[other]
                left.append(needed[other])
    return {**schema, "$defs": needed}


def records(file: IO[bytes]) -> Iterator[tuple[int, int, int]]:
    """Opcode, begin and end of each whole record, up to the end of the data, whatever is in it."""
    size = file.seek(0, io.SEEK_END)
    at = len(MAGIC)
    while at + RECORD_HEAD.size <= size:
        file.seek(at)
        opcode, length = RECORD_HEAD.unpack(file.read(RECORD_HEAD.size))
        end = at + RECORD_HEAD.size + length
        if opcode in (_NOTHING, _DATA_END) or end > size:
            return
        yield opcode, at, end
        at = end
