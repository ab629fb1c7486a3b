"""The forms that a recording may have, each as the bytes of its parts; and the plainest: JSON lines."""

import contextlib
import os
from pathlib import Path
from typing import Protocol

from emotrack.stream.wire.protocol.encoding import BadMessage, decode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import Outgoing

LINE_BEGINS = b'{"type":"'
"""Every message in JSON begins so."""
LARGEST_LINE = 1 << 20
"""Bytes of one message."""
_BLOCK = 1 << 16


class Form(Protocol):
    """How messages are laid down one behind the other, so that a file is a recording at every moment."""

    def head(self, *, fresh: bool) -> bytes:
        """What goes before the first message; not `fresh`: of a file that holds some."""
        ...

    def record(self, outgoing: Outgoing) -> bytes:
        """One message."""
        ...

    def tail(self) -> bytes:
        """What goes behind the last message, and is taken off where others follow after all."""
        ...

    def recognises(self, path: Path) -> bool:
        """Whether a file is empty or begins as a recording of this form; what is no regular file (a pipe, a
        device) holds nothing."""
        ...

    def whole(self, path: Path) -> int:
        """Length in bytes of a recording without its tail, and without a message that was never finished."""
        ...

    def last(self, path: Path) -> Message | None:
        """The last message of a recording that is whole, if there is one."""
        ...


class Lines:
    """JSON Lines."""

    def head(self, *, fresh: bool) -> bytes:
        """Nothing."""
        return b""

    def record(self, outgoing: Outgoing) -> bytes:
        """One line."""
        return outgoing.json + b"\n"

    def tail(self) -> bytes:
        """Nothing."""
        return b""

    def recognises(self, path: Path) -> bool:
        """See `Form.recognises`."""
        return begins_with(path, LINE_BEGINS)

    def whole(self, path: Path) -> int:
        """See `Form.whole`."""
        return whole_lines(path)

    def last(self, path: Path) -> Message | None:
        """See `Form.last`."""
        with path.open("rb") as file:
            end = whole_lines(path)
            file.seek(max(0, end - LARGEST_LINE))
            lines = file.read(min(end, LARGEST_LINE)).splitlines()
        with contextlib.suppress(BadMessage):
            return decode(lines[-1]) if lines else None
        return None


def begins_with(path: Path, beginning: bytes) -> bool:
    """Whether a regular file begins so, as far as it goes; any other file does."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        return beginning.startswith(file.read(len(beginning)))


def whole_lines(path: Path) -> int:
    """Length in bytes of a file without the unfinished line at its end."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            newline = file.read(end - begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            end = begin
    return 0
