"""WAV files whose header states less sound than follows: recorders that died, and programs that wrote to a
pipe."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

IGNORE_LENGTH = {"ignore_length": "1"}
"""FFmpeg's option to read a WAV file to its end."""
SMALLEST = 4_096
"""Bytes behind the stated end that may be padding or tags of a kind that is no chunk."""
LARGEST = 16 * 2**20
"""Bytes that a chunk behind the sound is taken to have at most, where nobody knows how much follows."""


def wav_options(path: Path) -> dict[str, str]:
    """Options for opening a file with FFmpeg: to ignore the stated length where what follows it is no chunk,
    else none.

    Raises OSError.
    """
    with path.open("rb") as file:
        return dict(IGNORE_LENGTH) if _continues(file, os.fstat(file.fileno()).st_size) else {}


class LookingAhead(Protocol):
    """Bytes that come once, of which the next may be looked at."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        ...

    def ahead(self, size: int) -> bytes:
        """The next `size` bytes or all that follow, which are still to be read."""
        ...


def is_wav(head: bytes) -> bool:
    """Whether the first 12 bytes of a file are those of a WAV file."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


class WavReader:
    """The bytes of a WAV file that comes through a pipe, to where its sound ends: to be read by FFmpeg with
    `IGNORE_LENGTH`.

    That is the stated end where a chunk, or next to nothing, follows it.
    """

    def __init__(self, source: LookingAhead) -> None:
        """`source`: from its beginning on."""
        self.name = "pipe"
        self._source = source
        self._lengths = self._stretches()
        self._left = 0.0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        if not self._left:
            self._left = next(self._lengths, 0.0)
        data = self._source.read(int(min(size, self._left))) if self._left else b""
        self._left -= len(data)
        return data

    def _stretches(self) -> Iterator[float]:
        """How many bytes may be given before the next are looked at."""
        yield 12
        name = b""
        while name != b"data":
            chunk = _chunk(self._source.ahead(8))
            if chunk is None:
                return
            name, length = chunk
            yield 8 + length
        following = self._source.ahead(SMALLEST + 1)
        if len(following) > SMALLEST and not _is_chunk(following, LARGEST):
            yield math.inf


def _continues(file: BinaryIO, size: int) -> bool:
    """Whether the sound goes on where the header of a RIFF WAVE file says that it ends."""
    if not is_wav(file.read(12)):
        return False
    chunk = _chunk(file.read(8))
    while chunk is not None and chunk[0] != b"data":
        file.seek(chunk[1], os.SEEK_CUR)
        chunk = _chunk(file.read(8))
    if chunk is None:
        return False
    file.seek(chunk[1], os.SEEK_CUR)
    left = size - file.tell()
    return left > SMALLEST and not _is_chunk(file.read(8), left)


def _is_chunk(head: bytes, room: int) -> bool:
    """Whether a chunk of at most `room` bytes begins with these."""
    chunk = _chunk(head)
    return chunk is not None and all(0x20 <= letter < 0x7F for letter in chunk[0]) and chunk[1] <= room


def _chunk(head: bytes) -> tuple[bytes, int] | None:
    """Name of the chunk that begins with these 8 bytes, and the bytes from its contents to the next one (an
    even number)."""
    if len(head) < 8:
        return None
    length = int.from_bytes(head[4:8], "little")
    return head[:4], length + length % 2
