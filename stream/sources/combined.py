"""Several sources as one feed: `camera:0+mic:default` is a person seen by one device and heard by another."""

import heapq
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing

from emotrack.errors import UserError
from emotrack.stream.sources.files.file import FileSource
from emotrack.stream.sources.files.pipe import PipeSource
from emotrack.stream.sources.files.recorded.reading import RecordedSource
from emotrack.stream.sources.live import Capture, Captured, LiveSource, captured
from emotrack.stream.sources.media import AudioChunk, MediaItem, Medium, VideoFrame, due, release
from emotrack.stream.sources.timing.clock import SessionClock

FiniteSource = FileSource | PipeSource | RecordedSource


class CombinedSource:
    """One feed of parts that each give other media; finite parts merged by time, live ones captured side by
    side.

    A part whose media are not known, since it is not there yet, gives what no other part gives.
    """

    def __init__(self, name: str, parts: Sequence[FiniteSource | LiveSource]) -> None:
        """Raises `UserError` when two parts give the same medium, or some are live and others files."""
        self.name = name
        self.description = "+".join(part.description for part in parts)
        self.live = parts[0].live
        self.media: frozenset[Medium] = frozenset().union(*(part.media for part in parts))
        self._parts = parts
        if any(part.live != self.live for part in parts):
            raise UserError(f"{self.description} joins a live source with a file; give them as two sources.")
        for medium in sorted(self.media):
            if sum(medium in part.media for part in parts) > 1:
                raise UserError(
                    f"{self.description} joins two sources of {medium}; give them as two sources."
                )

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`."""
        live = [part for part in self._parts if not isinstance(part, FiniteSource)]
        if live:
            yield from captured([self._capture(part) for part in live], clock, stop)
            return
        with ExitStack() as open_parts:
            media = [self._own(part, part.items(clock, stop)) for part in self._parts]
            streams = [open_parts.enter_context(closing(items)) for items in media]
            yield from heapq.merge(*streams, key=due)

    def close(self) -> None:
        """See `Closable.close`."""
        release(self._parts)

    def _capture(self, part: LiveSource) -> Capture:
        def capture(clock: SessionClock, stop: threading.Event) -> Captured:
            with closing(part.capture(clock, stop)) as items:
                yield from self._own(part, items)

        return capture

    def _own(
        self, part: FiniteSource | LiveSource, items: Iterator[MediaItem]
    ) -> Generator[MediaItem, None, None]:
        """Without items and word of media that another part gives."""
        others = self.media - part.media
        for item in items:
            if _medium(item) not in others:
                yield item


def _medium(item: MediaItem) -> Medium:
    match item:
        case AudioChunk():
            return "audio"
        case VideoFrame():
            return "video"
        case change:
            return change.medium
