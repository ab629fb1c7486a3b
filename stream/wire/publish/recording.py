"""Recording: every message as it was published, one JSON line each, into a file or onto standard output.

A file is touched when the first message comes, not before. One that holds a recording already is added to:
every line names its session. What is written is personal data, so a new file is readable by its owner only.
"""

import contextlib
import logging
import os
import select
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from emotrack.errors import UserError
from emotrack.notify import plain
from emotrack.stream.wire.protocol.encoding import BadMessage, decode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed, SinkFailed

log = logging.getLogger(__name__)

STANDARD_OUTPUT = "-"
HELD = 32 << 20
"""Bytes that wait for a full disk to have room again (hours of messages) before the recording is given up."""
LINE_BEGINS = b'{"type":"'
"""Every message in JSON begins so."""
_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)
_BLOCK = 1 << 16
LARGEST_LINE = 1 << 20
"""Bytes of one message."""


class Recorder:
    """A sink that writes JSON Lines, each at once; `target` is a path or `-`.

    Raises `UserError` where the path cannot be written, or holds something else than a recording.
    """

    def __init__(self, target: str | Path) -> None:
        self.keeps = str(target) != STANDARD_OUTPUT
        """Whether it writes to something that stays."""
        self._on_stdout = not self.keeps
        self._name = "standard output" if self._on_stdout else plain(str(target))
        self.name = f"Recording to {self._name}"
        self._path = Path(target)
        self._made = False
        self._begun = False
        self._held = bytearray()
        self._missing = b""
        """Lines that go before the first."""
        self._waits = False
        try:
            self._file = self._open()
            self._regular = stat.S_ISREG(os.fstat(self._file).st_mode)
        except OSError as error:
            raise UserError(f"Nothing can be recorded to {self._name}: {error.strerror or error}.") from error

    def go_on(self, published: Sequence[Outgoing]) -> None:
        """Before the first message of a session that is gone on with, whose last messages were these: where
        the file ends with that session, what it lacks of them is written, too."""
        if (last := self._last()) is not None:
            self._missing = b"".join(
                outgoing.json + b"\n"
                for outgoing in published
                if outgoing.message.session == last.session and outgoing.message.seq > last.seq
            )

    def _last(self) -> Message | None:
        """The last message of the file that is whole, if there is one."""
        if self._on_stdout or not self._regular:
            return None
        with self._path.open("rb") as file:
            end = whole_lines(self._path)
            file.seek(max(0, end - LARGEST_LINE))
            lines = file.read(min(end, LARGEST_LINE)).splitlines()
        with contextlib.suppress(BadMessage):
            return decode(lines[-1]) if lines else None
        return None

    def write(self, outgoing: Outgoing) -> None:
        """Write one line; a full disk is waited for, anything else ends the recording, which is no fault
        where a reader left."""
        self._held += outgoing.json + b"\n"
        try:
            self._begin()
            self._write_held()
        except BrokenPipeError as error:
            raise SinkFailed(f"Nobody reads {self._name} any more.", unread=self._on_stdout) from error
        except OSError as error:
            if not self._regular or len(self._held) > HELD:
                raise SinkFailed(f"Recording to {self._name} has stopped: {error.strerror}.") from error
            if not self._waits:
                self._waits = True
                raise SinkDelayed(f"Recording to {self._name} waits: {error.strerror}.") from error
        else:
            if self._waits:
                self._waits = False
                log.warning("Recording to %s goes on; nothing is missing.", self._name)

    def close(self) -> None:
        """Close the file behind its last whole line; one that was made for a session that never began is
        removed.

        Raises `SinkFailed` when messages that waited for room have found none.
        """
        try:
            self._write_held()
        except OSError as error:
            lines = self._held.count(b"\n")
            raise SinkFailed(
                f"Recording to {self._name} lacks the last {lines} messages: {error.strerror}."
            ) from error
        finally:
            if not self._on_stdout:
                self._close_file()

    def _open(self) -> int:
        """The file's descriptor; nothing in a file that exists is changed yet."""
        if self._on_stdout:
            if sys.stdout is None:
                raise OSError("it is closed")
            sys.stdout.flush()
            return sys.stdout.fileno()
        try:
            opened = os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            self._made = True
        except FileExistsError:
            opened = os.open(self._path, _FLAGS)
            if not is_recording(self._path):
                os.close(opened)
                raise UserError(f"{self._path} exists and is no recording: name another file.") from None
        return opened

    def _begin(self) -> None:
        """Before the first line: what an earlier session left unfinished at the end is cut off."""
        if not self._begun:
            self._begun = True
            if self._regular and not self._on_stdout:
                os.ftruncate(self._file, whole_lines(self._path))
            self._held[:0] = self._missing

    def _write_held(self) -> None:
        while self._held:
            try:
                written = os.write(self._file, self._held)
            except BlockingIOError:  # a pipe that somebody else does not want to wait for
                select.select((), (self._file,), ())
                continue
            del self._held[:written]

    def _close_file(self) -> None:
        with contextlib.suppress(OSError):
            if self._held and self._regular:
                os.ftruncate(self._file, whole_lines(self._path))
            os.close(self._file)
            if self._made and not self._begun:
                self._path.unlink()


def is_recording(path: Path) -> bool:
    """Whether a file is empty or begins as a recording does; what is no regular file (a pipe, a device) holds
    nothing."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        head = file.read(len(LINE_BEGINS))
    return LINE_BEGINS.startswith(head)


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
