"""WAV files whose header states less sound than follows: recorders that died, and programs that wrote to a pipe."""

import os
from pathlib import Path
from typing import BinaryIO

IGNORE_LENGTH = {"ignore_length": "1"}
"""FFmpeg's option to read a WAV file to its end."""
SMALLEST = 4_096
"""Bytes behind the stated end that may be padding or tags of a kind that is no chunk."""


def wav_options(path: Path) -> dict[str, str]:
    """Options for opening a file with FFmpeg: to ignore the stated length where what follows it is no chunk, else none.

    Raises OSError.
    """
    with path.open("rb") as file:
        return dict(IGNORE_LENGTH) if _continues(file, os.fstat(file.fileno()).st_size) else {}


def _continues(file: BinaryIO, size: int) -> bool:
    """Whether the sound goes on where the header of a RIFF WAVE file says that it ends."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return False
    chunk = _chunk(file)
    while chunk is not None and chunk[0] != b"data":
        file.seek(chunk[1], os.SEEK_CUR)
        chunk = _chunk(file)
    if chunk is None:
        return False
    file.seek(chunk[1], os.SEEK_CUR)
    left = size - file.tell()
    following = _chunk(file)
    return left > SMALLEST and not (following is not None and _is_name(following[0]) and following[1] <= left)


def _chunk(file: BinaryIO) -> tuple[bytes, int] | None:
    """Name of the chunk that begins here, and the bytes from its contents to the next one (an even number)."""
    head = file.read(8)
    if len(head) < 8:
        return None
    length = int.from_bytes(head[4:], "little")
    return head[:4], length + length % 2


def _is_name(name: bytes) -> bool:
    return all(0x20 <= letter < 0x7F for letter in name)
