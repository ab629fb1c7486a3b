"""Shows messages as lines of text while a session runs."""

from typing import TextIO

from emotrack.stream.monitor.state import MonitorState
from emotrack.stream.monitor.terminal import Lines
from emotrack.stream.wire.outbox import Outgoing, SinkFailed


class LineSink:
    """A sink that writes one line for each message that people care about."""

    def __init__(self, stream: TextIO, state: MonitorState) -> None:
        """`state`: what is known before the first message."""
        self._stream = stream
        self._lines = Lines(state)

    def write(self, outgoing: Outgoing) -> None:
        """Write one line; raises `SinkFailed` where that cannot be, which is no fault where the reader left (`| head`)."""
        line = self._lines.of(outgoing.message)
        if line is None:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except BrokenPipeError as error:
            raise SinkFailed("Nobody reads the labels on standard output any more.", unread=True) from error
        except OSError as error:
            raise SinkFailed(f"Labels are no longer written to standard output: {error.strerror}.") from error

    def close(self) -> None:
        """The stream belongs to the caller."""
