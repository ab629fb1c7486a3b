"""A file (or a finite one behind a URL): read as fast as is asked for, each medium by its own reader, merged
by time.

Two readers cost reading the file twice, and make the order of items independent of how the file is
interleaved, with no more in memory than one item of each.
"""

import heapq
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from av.error import FFmpegError

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.container import open_container, read_packets, reason_of
from emotrack.stream.sources.decoding.decode import MediumDecoder
from emotrack.stream.sources.decoding.probe import probe
from emotrack.stream.sources.media import MEDIA, MediaItem, Medium, MediumChange, due
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.timeline import Extent, ending, timeline_of

STAMP_ROUNDING = 0.015
"""Seconds: containers round stamps to milliseconds or more; a lost frame of a codec is longer."""


@dataclass
class FileSource:
    """Media of finite length at a path or URL; session time is PTS - first PTS of the file."""

    name: str
    description: str
    address: str
    media: frozenset[Medium]
    """What the file has and this source gives."""
    tracks: Mapping[Medium, int]
    """Index of the stream of each medium."""
    origin: float
    """First PTS (seconds) of all its media."""
    settings: SourceSettings
    timeout: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """FFmpeg's, for opening it."""
    live: bool = False

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """Everything up to the end, or up to the damage that ends it, unpaced; the file begins with the
        session."""
        yield from start_changes(self.media, "file")
        with ExitStack() as readers:
            media = [
                readers.enter_context(closing(self._read(medium))) for medium in MEDIA if medium in self.media
            ]
            for item in heapq.merge(*media, key=due):
                if stop.is_set():
                    return
                yield item

    def _read(self, medium: Medium) -> Generator[MediaItem, None, None]:
        try:
            container = open_container(self.address, options=self.options, timeout=self.timeout)
            stream = container.streams[self.tracks[medium]]
        except (FFmpegError, IndexError) as error:
            yield MediumChange(0.0, medium, "down", f"the file cannot be opened any more: {reason_of(error)}")
            return
        with container:
            timeline = timeline_of(container, self.origin)
            decoder = MediumDecoder(stream, self.settings, timeline.place, tolerance=STAMP_ROUNDING)
            extent, reason = Extent(), ""
            try:
                for packet in read_packets(container):
                    extent.take(packet)
                    if packet.stream_index == stream.index:
                        yield from decoder.push(packet)
            except Exception as error:  # noqa: BLE001 - what PyAV raises of damaged files need not be FFmpeg's
                reason = f"the file cannot be read on: {reason_of(error)}"
                yield from decoder.push(None)
            reason = reason or ending(
                container,
                stream,
                extent,
                size=container.size,
                origin=self.origin,
                reached=decoder.reached,
                alone=len(self.media) == 1,
            )
            yield from decoder.end(reason)


def start_changes(media: frozenset[Medium], what: str) -> Iterator[MediumChange]:
    """Word of each medium at the start of `what`: there, or not in it."""
    for medium in MEDIA:
        if medium in media:
            yield MediumChange(0.0, medium, "up", f"start of {what}")
        else:
            yield MediumChange(0.0, medium, "down", f"the {what} has no {medium} track")


def probe_file(
    address: str,
    *,
    name: str,
    description: str,
    settings: SourceSettings,
    timeout: float | None = None,
    options: Mapping[str, str] | None = None,
) -> FileSource:
    """Open `address` and decode the first frame of each medium; raises `UserError` when there is none."""
    try:
        with open_container(address, options=options, timeout=timeout) as container:
            contents = probe(container, description)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - what PyAV raises of damaged files need not be FFmpeg's
        raise UserError(
            f"{description} cannot be read as audio or video ({reason_of(error)}); is it complete, and a "
            "media file?"
        ) from None
    media = frozenset(contents.tracks)
    return FileSource(
        name, description, address, media, contents.tracks, contents.origin, settings, timeout, options or {}
    )
