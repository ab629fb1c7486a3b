"""Standard output and standard error for as long as a command runs: always there, and able to show any
letter.

A stream that was closed before we began (`>&-`) gets a descriptor that takes nothing, so that writing fails
as on a full disk and no file that is opened later ends up under the stream's number. Letters that an encoding
lacks become `?`.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any, TypeVar

from emotrack.cli.aside import Aside

Stream = TypeVar("Stream", bound=io.TextIOWrapper)


class StandardOutput(io.TextIOWrapper):
    """Standard output; remembers the last error that it raised, and knows who is writing to it."""

    failure: OSError | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._writing: set[int] = set()

    @property
    def stuck(self) -> bool:
        """Whether another thread has not come back from writing: nobody reads, and nobody else can write."""
        return bool(self._writing - {threading.get_ident()})

    def write(self, text: str, /) -> int:
        """As a text stream does."""
        with self._remembering():
            return super().write(text)

    def flush(self) -> None:
        """As a text stream does."""
        with self._remembering():
            super().flush()

    @contextlib.contextmanager
    def _remembering(self) -> Iterator[None]:
        self._writing.add(threading.get_ident())
        try:
            yield
        except OSError as error:
            self.failure = error
            raise
        finally:
            self._writing.discard(threading.get_ident())


class StandardError(io.TextIOWrapper):
    """Standard error; what it cannot take is lost, nobody waits for it, and nothing fails for it, even when
    the command is over."""

    def __init__(self, buffer: Any, **named: Any) -> None:
        with contextlib.suppress(OSError):
            buffer.flush()
        self._aside = Aside(getattr(buffer, "raw", buffer))
        super().__init__(self._aside, **{**named, "write_through": True})

    def write(self, text: str, /) -> int:
        """As a text stream does, but that it never waits nor fails."""
        with contextlib.suppress(ValueError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """As a text stream does, but that it never waits nor fails."""
        with contextlib.suppress(ValueError):
            super().flush()

    def finish(self) -> None:
        """Nothing more is said: let the last words be heard where somebody listens."""
        self._aside.finish()


@contextlib.contextmanager
def standard_streams() -> Iterator[tuple[StandardOutput, StandardError]]:
    """`sys.stdout` and `sys.stderr` as they should be, until the block ends."""
    kept = sys.stdout, sys.stderr
    _occupy_closed_descriptors()
    output, talk = _over(StandardOutput, sys.stdout, 1), _over(StandardError, sys.stderr, 2)
    sys.stdout, sys.stderr = output, talk
    try:
        yield output, talk
    finally:
        _empty(output)
        talk.finish()
        for stream in (output, talk):
            stream.detach()  # the streams that we found go on using their buffers
        sys.stdout, sys.stderr = kept


def _occupy_closed_descriptors() -> None:
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest number that is free: this one


def _over(kind: type[Stream], stream: IO[str] | None, number: int) -> Stream:
    """A stream of this kind on the buffer of `stream`, or on the descriptor where Python found none open."""
    if stream is None:
        return kind(
            open(number, "wb", closefd=False), encoding="utf-8", errors="replace", line_buffering=True
        )
    assert isinstance(stream, io.TextIOWrapper)
    return kind(
        stream.buffer,
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _empty(stream: io.TextIOWrapper) -> None:
    """Write what waits; what cannot be written is thrown away, for Python would try it again at exit and
    complain."""
    try:
        stream.flush()
        stream.buffer.flush()
    except OSError:
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
            stream.buffer.flush()
