"""Messages out of an MCAP file, be it a recording of ours, one that was compressed, or a robot's with our
channels among others; broken off where it may."""

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from emotrack.stream.wire.publish.mcap import RECORD_HEAD, missing, records

if TYPE_CHECKING:
    from mcap.records import Chunk, McapRecord

LARGEST_RECORD = 64 << 20
"""Bytes of one record, unpacked: a file may come from strangers."""
SCHEMAS = "emotrack."
"""What the names of our messages' schemas begin with."""


class DamagedMcap(ValueError):
    """A file that is no MCAP any more behind a certain point; the text says why."""


def payloads(file: IO[bytes]) -> Iterator[bytes]:
    """The JSON of each of our messages, in the order of the file, until it ends or breaks off.

    Raises `UserError` where the library is missing, and `DamagedMcap`.
    """
    try:
        from mcap.exceptions import McapError
        from mcap.records import Channel, Message, Schema
    except ImportError as error:
        raise missing(error) from error
    ours: set[int] = set()
    channels: set[int] = set()
    try:
        for record in _unpacked(file):
            match record:
                case Schema():
                    if record.name.startswith(SCHEMAS):
                        ours.add(record.id)
                case Channel():
                    if record.schema_id in ours and record.message_encoding == "json":
                        channels.add(record.id)
                case Message():
                    if record.channel_id in channels:
                        yield record.data
    except (McapError, struct.error, ValueError, LookupError, OverflowError) as error:
        raise DamagedMcap(str(error) or type(error).__name__) from error


def _unpacked(file: IO[bytes]) -> "Iterator[McapRecord]":
    """Schemas, channels and messages, those in chunks too."""
    from mcap.data_stream import ReadDataStream
    from mcap.opcode import Opcode
    from mcap.records import Channel, Chunk, Message, Schema
    from mcap.stream_reader import breakup_chunk

    for opcode, begin, end in records(file):
        if opcode not in (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE, Opcode.CHUNK):
            continue
        length = end - begin - RECORD_HEAD.size
        if length > LARGEST_RECORD:
            raise DamagedMcap(f"it holds a record of {length} bytes")
        file.seek(begin + RECORD_HEAD.size)
        content = ReadDataStream(io.BytesIO(file.read(length)))
        match opcode:
            case Opcode.SCHEMA:
                yield Schema.read(content)
            case Opcode.CHANNEL:
                yield Channel.read(content)
            case Opcode.MESSAGE:
                yield Message.read(content, length)
            case Opcode.CHUNK:
                yield from breakup_chunk(_inflated(Chunk.read(content)), validate_crc=True)


def _inflated(chunk: "Chunk") -> "Chunk":
    """The chunk without compression, held to what it says of its size: a few bytes can be made to say
    much."""
    if chunk.uncompressed_size > LARGEST_RECORD:
        raise DamagedMcap(f"it holds a chunk of {chunk.uncompressed_size} bytes")
    if chunk.compression == "zstd":
        import zstandard

        try:
            data = zstandard.ZstdDecompressor().stream_reader(chunk.data).read(LARGEST_RECORD)
        except zstandard.ZstdError as error:
            raise DamagedMcap(f"a chunk of it cannot be unpacked: {error}") from error
    elif chunk.compression == "lz4":
        import lz4.frame

        try:
            data = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, LARGEST_RECORD)
        except RuntimeError as error:
            raise DamagedMcap(f"a chunk of it cannot be unpacked: {error}") from error
    else:
        return chunk
    if len(data) != chunk.uncompressed_size:
        raise DamagedMcap(f"a chunk of it is not as large as it says ({chunk.uncompressed_size} bytes)")
    return replace(chunk, compression="", data=data)
