"""Several sources as one feed: `camera:0+mic:default` is a person seen by one device and heard by another."""

import heapq
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing

from emotrack.model.errors import UserError
from emotrack.stream.clock import SessionClock
from emotrack.stream.media import MediaItem, Medium, MediumChange
from emotrack.stream.pacing import due
from emotrack.stream.sources.file import FileSource
from emotrack.stream.sources.live import LiveSource, captured


class CombinedSource:
    """One feed of parts that each give other media; files merged by time, live parts captured side by side."""

    def __init__(self, name: str, parts: Sequence[FileSource | LiveSource]) -> None:
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
                raise UserError(f"{self.description} joins two sources of {medium}; give them as two sources.")

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`."""
        live = [part for part in self._parts if not isinstance(part, FileSource)]
        if live:
            yield from captured([part.capture for part in live], clock, stop)
            return
        with ExitStack() as open_parts:
            media = [_only(part.media, part.items(clock, stop)) for part in self._parts]
            streams = [open_parts.enter_context(closing(items)) for items in media]
            yield from heapq.merge(*streams, key=due)


def _only(media: frozenset[Medium], items: Iterator[MediaItem]) -> Generator[MediaItem, None, None]:
    """Without word of media that another part gives."""
    for item in items:
        if not isinstance(item, MediumChange) or item.medium in media:
            yield item
