"""Opening containers of any kind with a deadline, choosing their streams, and reading on past damage."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from emotrack.stream.sources.media import Medium

T = TypeVar("T")


class SupportsRead(Protocol):
    """A file object without the way back, such as a pipe."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        ...


NOT_MEDIA_FORMATS = {"tty", "bin", "xbin", "adf", "idf", "h261", "h263"}
"""FFmpeg's guesses for text art and for raw bytes; both take almost anything for pictures."""
FAILURES_IN_A_ROW = 16
"""Reads that may fail one after the other before the rest of a container is given up."""


def reason_of(error: Exception) -> str:
    """What an error says, in one line without the address it names (which may hold a password)."""
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return "no answer in time"
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    if isinstance(error, OSError | ValueError | av.error.FFmpegError):  # whose words are enough
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def within(seconds: float, function: Callable[[], T]) -> T:
    """Result of `function`, which may hang where no time limit reaches (name look-up); then
    `TimeoutError`."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again on the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="opening", daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError("no answer in time")
    return results[0]


def open_container(
    address: str | SupportsRead,
    *,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> InputContainer:
    """Open an address, or a file object that gives bytes, for reading; raises FFmpeg's errors.

    `timeout` in seconds bounds opening and each read.
    """
    limits = None if timeout is None else (timeout, timeout)
    return av.open(
        address, "r", format=format, options=dict(options or {}), timeout=limits, metadata_errors="replace"
    )


def usable_streams(container: InputContainer) -> list[Stream]:
    """Streams that can be seen or heard, the default ones first; cover art is none."""
    if container.format.name in NOT_MEDIA_FORMATS:
        return []
    usable = [
        stream for stream in container.streams if stream.type in ("audio", "video") and _decodable(stream)
    ]
    return sorted(usable, key=lambda stream: (not stream.disposition & Disposition.default, stream.index))


def choose_streams(container: InputContainer) -> dict[Medium, Stream]:
    """The stream of each medium to be seen or heard: the default one, else the first."""
    chosen: dict[Medium, Stream] = {}
    for stream in usable_streams(container):
        chosen.setdefault(medium_of(stream), stream)
    return chosen


def medium_of(stream: Stream) -> Medium:
    """Of a stream of sound or pictures."""
    return "audio" if stream.type == "audio" else "video"


def _decodable(stream: Stream) -> bool:
    return stream.codec_context is not None and not stream.disposition & Disposition.attached_pic


def read_packets(container: InputContainer, *streams: Stream) -> "Iterator[av.Packet[Any]]":
    """Packets of `streams` (of all unless given) as they lie in the container, the last ones empty (they
    flush the decoders).

    Reads that fail are tried again, since many demuxers find their way back; the error is raised when they do
    not. It need not be FFmpeg's: where a track appears in the middle PyAV raises IndexError.
    """
    failures = 0
    while True:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
            return
        except (av.error.ExitError, av.error.TimeoutError, ConnectionError):
            raise
        except (av.error.FFmpegError, IndexError):
            failures += 1
            if failures >= FAILURES_IN_A_ROW:
                raise
