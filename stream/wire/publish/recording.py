"""Recording: every message as it was published, into a file or onto standard output.

A file is touched when the first message comes, not before. One that holds a recording already is added to:
every message names its session. What is written is personal data, so a new file is readable by its owner
only.
"""

import contextlib
import logging
import os
import select
import stat
import sys
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from emotrack.errors import UserError
from emotrack.notify import plain
from emotrack.stream.wire.publish.forms import Form, Lines
from emotrack.stream.wire.publish.mcap import SUFFIX, Mcap
from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed, SinkFailed

log = logging.getLogger(__name__)

STANDARD_OUTPUT = "-"
HELD = 32 << 20
"""Bytes that wait for a full disk to have room again (hours of messages) before the recording is given up."""
_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


class Recorder:
    """A sink that writes each message at once: as MCAP where `target` is a path that ends with `.mcap`, else
    as a JSON line; `-` is standard output.

    Raises `UserError` where the path cannot be written, or holds something else than a recording.
    """

    def __init__(self, target: str | Path) -> None:
        self.keeps = str(target) != STANDARD_OUTPUT
        """Whether it writes to something that stays."""
        self._on_stdout = not self.keeps
        self._name = "standard output" if self._on_stdout else plain(str(target))
        self.name = f"Recording to {self._name}"
        self._path = Path(target)
        self._form: Form = Mcap() if self._path.suffix == SUFFIX else Lines()
        self._made = False
        self._begun = False
        self._held = bytearray()
        self._missing: list[Outgoing] = []
        """Messages that go before the first."""
        self._lengths: list[int] = []
        """Bytes of each message among what is held."""
        self._waits = False
        try:
            self._file = self._open()
            self._regular = stat.S_ISREG(os.fstat(self._file).st_mode)
        except OSError as error:
            raise UserError(f"Nothing can be recorded to {self._name}: {error.strerror or error}.") from error

    def go_on(self, published: Sequence[Outgoing]) -> None:
        """Before the first message of a session that is gone on with, whose last messages were these: where
        the file ends with that session, what it lacks of them is written, too."""
        if self._on_stdout or not self._regular:
            return
        if (last := self._form.last(self._path)) is not None:
            self._missing = [
                outgoing
                for outgoing in published
                if outgoing.message.session == last.session and outgoing.message.seq > last.seq
            ]

    def write(self, outgoing: Outgoing) -> None:
        """Write one message; a full disk is waited for, anything else ends the recording, which is no fault
        where a reader left."""
        try:
            self._begin()
        except OSError as error:
            raise SinkFailed(f"Recording to {self._name} has stopped: {error.strerror}.") from error
        self._hold(outgoing)
        try:
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
        """Close the file behind its last whole message; one that was made for a session that never began is
        removed.

        Raises `SinkFailed` when messages that waited for room have found none.
        """
        try:
            self._write_held()
            if self._begun:
                self._held += self._form.tail()
                with contextlib.suppress(OSError):  # it is whole without
                    self._write_held()
        except OSError as error:
            raise SinkFailed(
                f"Recording to {self._name} lacks the last {self._unwritten} messages: {error.strerror}."
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
            if not self._form.recognises(self._path):
                os.close(opened)
                raise UserError(f"{self._path} exists and is no recording: name another file.") from None
        return opened

    def _begin(self) -> None:
        """Before the first message: what an earlier session left unfinished at the end is cut off."""
        if self._begun:
            return
        whole = 0
        if self._regular and not self._on_stdout:
            os.ftruncate(self._file, whole := self._form.whole(self._path))
        self._begun = True
        self._held += self._form.head(fresh=whole == 0)
        for outgoing in self._missing:
            self._hold(outgoing)

    def _hold(self, outgoing: Outgoing) -> None:
        record = self._form.record(outgoing)
        self._held += record
        self._lengths.append(len(record))

    @property
    def _unwritten(self) -> int:
        """How many messages are not written to their ends."""
        behind = accumulate(reversed(self._lengths), initial=0)
        return sum(1 for _, after in zip(self._lengths, behind, strict=False) if after < len(self._held))

    def _write_held(self) -> None:
        while self._held:
            try:
                written = os.write(self._file, self._held)
            except BlockingIOError:  # a pipe that somebody else does not want to wait for
                select.select((), (self._file,), ())
                continue
            del self._held[:written]
        self._lengths.clear()

    def _close_file(self) -> None:
        with contextlib.suppress(OSError):
            if self._held and self._regular:
                os.ftruncate(self._file, self._form.whole(self._path))
            os.close(self._file)
            if self._made and not self._begun:
                self._path.unlink()
