"""Recording: every message as it was published, one JSON line each, into a file or onto standard output."""

import contextlib
import os
import sys
from pathlib import Path
from typing import BinaryIO

from emotrack.model.errors import UserError
from emotrack.stream.wire.outbox import Outgoing, SinkFailed

STANDARD_OUTPUT = "-"


class Recorder:
    """A sink that writes JSON Lines, each line flushed; `target` is a path (replaced if it exists) or `-`."""

    def __init__(self, target: str | Path) -> None:
        self._target = str(target)
        self._to_stdout = self._target == STANDARD_OUTPUT
        try:
            self._file: BinaryIO = sys.stdout.buffer if self._to_stdout else open(self._target, "wb")  # noqa: SIM115
        except OSError as error:
            raise UserError(f"Nothing can be recorded to {target}: {error.strerror}.") from error

    def write(self, outgoing: Outgoing) -> None:
        """Write one line; a reader that left (`| head`) ends the session, a full disk ends the recording only."""
        try:
            self._file.write(outgoing.json + b"\n")
            self._file.flush()
        except BrokenPipeError as error:
            read = "standard output" if self._to_stdout else self._target
            raise SinkFailed(f"Nobody reads {read} any more.", stop=self._to_stdout) from error
        except OSError as error:
            raise SinkFailed(f"Recording to {self._target} has stopped: {error.strerror}.") from error

    def close(self) -> None:
        """Close the file; what could not be written is given up, so that nothing complains at exit."""
        if self._to_stdout:
            try:
                self._file.flush()
            except OSError:  # the buffer would be flushed again at exit: give it somewhere to go
                with contextlib.suppress(OSError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
        else:
            with contextlib.suppress(OSError):
                self._file.close()
