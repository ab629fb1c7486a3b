"""Pipes: stdin, named pipes and what a shell puts in the place of a file. They can be read once, and only
forwards.

One reader takes packets of all media as they come. Until the other medium's next packet is there a packet
waits in its compressed form, so that items leave in order of time however the pipe is interleaved.
"""

import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from typing import Any

import av
from av.container import InputContainer

from emotrack.errors import UserError
from emotrack.notify import Notify
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.container import open_container, read_packets, reason_of
from emotrack.stream.sources.decoding.decode import MediumDecoder
from emotrack.stream.sources.decoding.pcm import RawSound
from emotrack.stream.sources.decoding.probe import ContainerContents, probe
from emotrack.stream.sources.decoding.riff import IGNORE_LENGTH, WavReader, is_wav
from emotrack.stream.sources.files.file import STAMP_ROUNDING, start_changes
from emotrack.stream.sources.media import MediaItem, Medium, due
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.timeline import Extent, ending, timeline_of

POLL = 0.1
"""Seconds after which a reader that waits for bytes looks whether it is to end."""
PATIENCE = 1.0
"""Seconds of silence at the start after which it is said that something is waited for."""
LOOKING = 5.0
"""Seconds of the media that are looked at before they are given: somebody may be writing them as they
happen."""
REST = 2**20
"""Bytes behind the last packet that are still looked at."""
LARGEST_WAIT = 64 * 2**20
"""Bytes of packets of one medium that wait for the other; then it is given without waiting."""


class PipeReader:
    """The bytes of a pipe as a file object for PyAV; what was read can be given again as long as it is
    kept."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` is closed by `close`."""
        self.name = "pipe"
        self.stop = threading.Event()
        """Ends the pipe when set."""
        self.patience = math.inf
        """Seconds after which a pipe into which nobody writes fails to be read."""
        self._descriptor = descriptor
        self._again: deque[bytes] = deque()
        self._kept: list[bytes] | None = []
        self._given = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes as soon as there are any; none at the end. Raises OSError, also when `patience`
        is at its end."""
        data = self._again.popleft() if self._again else self._read(size)
        if len(data) > size:
            self._again.appendleft(data[size:])
            data = data[:size]
        self._given += len(data)
        if data and self._kept is not None:
            self._kept.append(data)
        return data

    def ahead(self, size: int) -> bytes:
        """The next `size` bytes or all that follow, which are still to be read; raises as `read` does."""
        data = b""
        while len(data) < size and (
            more := self._again.popleft() if self._again else self._read(size - len(data))
        ):
            data += more
        if data:
            self._again.appendleft(data)
        return data[:size]

    def wait(self, seconds: float) -> bool:
        """Whether there is something to read, or the end, within so long."""
        return os.name == "nt" or bool(select.select([self._descriptor], [], [], seconds)[0])

    def begin_again(self, *, keep: bool) -> None:
        """Give once more what was read so far, and `keep` it for yet another time."""
        self._given = 0
        self._again.extendleft(reversed(self._kept or []))
        self._kept = [] if keep else None

    def drained(self) -> int:
        """Bytes that the pipe held in all, having read on while more came at once, but no further than
        `REST`."""
        rest = 0
        while rest < REST and (self._again or self.wait(PATIENCE)) and (data := self.read(REST)):
            rest += len(data)
        return self._given

    def close(self) -> None:
        """Release the pipe: who writes to it learns that nobody reads."""
        os.close(self._descriptor)

    def _read(self, size: int) -> bytes:
        begun = time.monotonic()
        while not self.stop.is_set():
            if self.wait(POLL):
                return os.read(self._descriptor, size)
            if time.monotonic() - begun > self.patience:
                raise TimeoutError(f"nothing more came for {self.patience:g} s")
        return b""


class PipeSource:
    """Media that come through a pipe; session time is PTS - first PTS. `items` can be called once."""

    live = False

    def __init__(
        self,
        name: str,
        description: str,
        reader: PipeReader,
        contents: ContainerContents,
        settings: SourceSettings,
        raw: RawSound | None = None,
    ) -> None:
        """`raw`: what the samples are where nothing else comes."""
        self.name = name
        self.description = description
        self.media: frozenset[Medium] = frozenset(contents.tracks)
        self._reader: PipeReader | None = reader
        self._contents = contents
        self._settings = settings
        self._raw = raw

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`; unpaced."""
        reader, self._reader = self._reader, None
        if reader is None:
            raise UserError(
                f"{self.description} was read or closed before, and a pipe can be read only once; open it "
                "again."
            )
        reader.stop = stop
        with closing(reader):
            yield from start_changes(self.media, "pipe")
            with _open(reader, self._raw) as container:
                demuxer = _Demuxer(reader, container, self._contents, self._settings)
                for item in demuxer.items():
                    if stop.is_set():
                        return
                    yield item

    def close(self) -> None:
        """See `Closable.close`."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _open(reader: PipeReader, raw: RawSound | None) -> InputContainer:
    """The container whose first byte is the next to be read; raises OSError, and FFmpeg's errors."""
    if raw is not None:
        return open_container(reader, format=raw.format, options=raw.options)
    if is_wav(reader.ahead(12)):
        return open_container(WavReader(reader), options=IGNORE_LENGTH)
    return open_container(reader)


class _Demuxer:
    """One pass over an open container: the packets of each medium, decoded in step."""

    def __init__(
        self,
        reader: PipeReader,
        container: InputContainer,
        contents: ContainerContents,
        settings: SourceSettings,
    ) -> None:
        self._reader = reader
        self._container = container
        self._contents = contents
        self._settings = settings
        self._media = {index: medium for medium, index in contents.tracks.items()}
        self._waiting: dict[Medium, deque[av.Packet[Any]]] = {medium: deque() for medium in contents.tracks}
        self._bytes = dict.fromkeys(contents.tracks, 0)
        self._packets: Iterator[av.Packet[Any]] | None = read_packets(container)
        self._extent = Extent()
        self._failure = ""

    def items(self) -> Iterator[MediaItem]:
        """All of it, in order of time unless one medium lies further behind the other than may wait."""
        decoders = {medium: self._decoded(medium) for medium in self._waiting}
        heads: dict[Medium, MediaItem | None] = dict.fromkeys(decoders)
        while decoders:
            for medium in [medium for medium in decoders if heads[medium] is None]:
                try:
                    heads[medium] = next(decoders[medium])
                except StopIteration:
                    del decoders[medium], heads[medium]
            ready = [(due(item), medium) for medium, item in heads.items() if item is not None]
            if ready:
                _, medium = min(ready)
                item, heads[medium] = heads[medium], None
                assert item is not None
                yield item

    def _decoded(self, medium: Medium) -> Generator[MediaItem | None, None, None]:
        """Items of one medium, None where the other one must not wait any longer."""
        stream = self._container.streams[self._contents.tracks[medium]]
        timeline = timeline_of(self._container, self._contents.origin)
        decoder = MediumDecoder(stream, self._settings, timeline.place, tolerance=STAMP_ROUNDING)
        waiting = self._waiting[medium]
        while True:
            while waiting:
                packet = waiting.popleft()
                self._bytes[medium] -= packet.size
                yield from decoder.push(packet)
            if self._packets is None:
                break
            self._take_packet()
            if not waiting and max(self._bytes.values()) > LARGEST_WAIT:
                yield None
        if self._failure:
            yield from decoder.push(None)
        reason = self._failure or ending(
            self._container,
            stream,
            self._extent,
            size=self._reader.drained(),
            origin=self._contents.origin,
            reached=decoder.reached,
            alone=len(self._media) == 1,
            what="pipe",
        )
        yield from decoder.end(reason)

    def _take_packet(self) -> None:
        assert self._packets is not None
        try:
            packet = next(self._packets)
        except StopIteration:
            self._packets = None
            return
        except Exception as error:  # noqa: BLE001 - what PyAV raises of damaged media need not be FFmpeg's
            self._packets, self._failure = None, f"the pipe cannot be read on: {reason_of(error)}"
            return
        self._extent.take(packet)
        if (medium := self._media.get(packet.stream_index)) is not None:
            self._waiting[medium].append(packet)
            self._bytes[medium] += packet.size


def open_pipe(
    descriptor: int,
    *,
    name: str,
    description: str,
    settings: SourceSettings,
    named: bool,
    notify: Notify,
    raw: RawSound | None = None,
) -> PipeSource:
    """Media that somebody writes to a pipe open for reading; waits for the first byte as long as
    `settings.start_seconds`.

    `named`: made by mkfifo and opened without blocking, so that at first nobody need hold its other end.
    `raw`: what the samples are, where no container comes. `notify` is told in a sentence what is waited for.
    Raises `UserError`, and closes the pipe then.
    """
    reader = PipeReader(descriptor)
    with ExitStack() as undo:
        undo.callback(reader.close)
        _await_first(reader, description, settings.start_seconds, named=named, notify=notify)
        os.set_blocking(descriptor, True)
        reader.begin_again(keep=True)
        reader.patience = settings.start_seconds
        try:
            with _open(reader, raw) as container:
                contents = probe(container, description, patience=LOOKING)
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001 - what PyAV raises of damaged media need not be FFmpeg's
            raise UserError(
                f"{description} cannot be read from a pipe ({reason_of(error)}): is it complete, and a "
                "media file? An MP4 whose index lies at its end must be given as a file."
            ) from None
        undo.pop_all()
    reader.begin_again(keep=False)
    reader.patience = math.inf
    return PipeSource(name, description, reader, contents, settings, raw)


def _await_first(
    reader: PipeReader, description: str, seconds: float, *, named: bool, notify: Notify
) -> None:
    begun, told = time.monotonic(), False
    while (waited := time.monotonic() - begun) < seconds:
        if reader.wait(POLL):
            if reader.read(1):
                return
            if not named:
                raise UserError(f"{description} is empty; give a media file.")
            time.sleep(POLL)  # nobody has opened the other end
        if waited > PATIENCE and not told:
            told = True
            notify(f"waiting for something to be written to {description}, {seconds:g} s at most.")
    raise UserError(
        f"nothing was written to {description} within {seconds:g} s; start what writes to it, or set "
        "stream.sources.start_seconds."
    )
