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

Stream = TypeVar("Stream", bound=io.TextIOWrapper)


class _Attended(io.TextIOWrapper):
    """A stream that knows who is writing to it."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._writing: set[int] = set()

    @property
    def stuck(self) -> bool:
        """Whether another thread has not come back from writing: nobody reads, and nobody else can write."""
        return bool(self._writing - {threading.get_ident()})

    @contextlib.contextmanager
    def _attending(self) -> Iterator[None]:
        self._writing.add(threading.get_ident())
        try:
            yield
        finally:
            self._writing.discard(threading.get_ident())


class StandardOutput(_Attended):
    """Standard output; remembers the last error that it raised."""

    failure: OSError | None = None

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
        try:
            with self._attending():
                yield
        except OSError as error:
            self.failure = error
            raise


class StandardError(_Attended):
    """Standard error; what it cannot take is lost, and nothing fails for it, even when the command is
    over."""

    def write(self, text: str, /) -> int:
        """As a text stream does, but that it never fails."""
        with contextlib.suppress(OSError, ValueError), self._attending():
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """As a text stream does, but that it never fails."""
        with contextlib.suppress(OSError, ValueError), self._attending():
            super().flush()


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
        for stream in (output, talk):
            _empty(stream)
            stream.detach()  # the stream that we found goes on using the buffer
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
