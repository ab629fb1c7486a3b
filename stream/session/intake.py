"""One reader thread a source: cuts its audio into blocks, samples its pictures, and delivers both to the
loop, with word of what befalls a feed or one of its media."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from emotrack.stream.hearing.audio import BLOCK_SECONDS, AudioBlock, BlockCutter, Discontinuity
from emotrack.stream.sources.files.recorded.writing import Given, MediaRecorder
from emotrack.stream.sources.media import (
    AudioChunk,
    MediaItem,
    Medium,
    MediumChange,
    Source,
    VideoFrame,
    checked,
    paced,
)
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.delivery import WORD_BYTES, Delivery, Traits, size_of
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.pictures import Pictures

QUIET = 4.0
"""Seconds without anything from a source that has sound, which never pauses of itself; told within five."""
LOOKING = 1.0
"""Seconds between two looks of a loop that lives: where it is more, the process stood still, and so did what
reads the sources."""


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """A source gave up at session time `time` (seconds) with an exception: nothing more comes of its feed."""

    time: float
    failure: BaseException


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """A source has come to its end at session time `time` (seconds): nothing more comes of its feed."""

    time: float


Item = AudioBlock | Discontinuity | VideoFrame | MediumChange | SourceFailed | SourceEnded


def medium_of(item: Item) -> Medium:
    """The medium that an item is of; the end of a source counts as sound."""
    if isinstance(item, MediumChange):
        return item.medium
    return "video" if isinstance(item, VideoFrame) else "audio"


def time_of(item: Item) -> float:
    """Session time (seconds) at which an item is complete: an audio block at its end, everything else at its
    stamp."""
    return item.end if isinstance(item, AudioBlock) else item.time


def _lost_blocks(lost: Sequence[Item]) -> list[Item]:
    return [Discontinuity(lost[0].time, gap=round(len(lost) * BLOCK_SECONDS, 6))]


def _size(item: Item) -> int:
    match item:
        case AudioBlock():
            return item.samples_32k.nbytes + item.samples_16k.nbytes
        case VideoFrame() | MediumChange():
            return size_of(item)
        case _:
            return WORD_BYTES


TRAITS: Traits[Item] = Traits(
    medium=medium_of,
    time=time_of,
    seconds=lambda item: BLOCK_SECONDS if isinstance(item, AudioBlock) else 0.0,
    size=_size,
    word=lambda item: item.state if isinstance(item, MediumChange) else None,
    sheddable=lambda item: isinstance(item, AudioBlock | VideoFrame),
    gap=_lost_blocks,
)


Taker = Callable[[str, MediaItem], None]
"""What is given each item, with the name of its source, on the source's own thread."""


def kept_aside(recorder: MediaRecorder, outbox: Outbox) -> Taker:
    """What gives media to a recorder, on a thread of its own as every output is."""
    give = outbox.beside(recorder)
    numbers = itertools.count(1)

    def keep(source: str, item: MediaItem) -> None:
        given = Given(source, item)
        give(given, next(numbers), given.size)

    return keep


def shown_in(pictures: Pictures) -> Taker:
    """What gives pictures to whoever may show them."""

    def show(source: str, item: MediaItem) -> None:
        if isinstance(item, VideoFrame):
            pictures.show(source, item.time, item.image)

    return show


class Intake:
    """Reads every source on its own thread. What a source fails with is the last that is delivered of its
    feed, and of no other.

    `wants` tells of a feed's frame at a time (seconds) whether it is one of those to look at; the others go
    no further. `takers` are given what does.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        delivery: Delivery[Item],
        wants: Callable[[int, float], bool],
        *,
        realtime: bool,
        takers: Sequence[Taker] = (),
    ) -> None:
        self._sources = sources
        self._takers = takers
        self._delivery = delivery
        self._wants = wants
        self._realtime = realtime
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._came = [float("-inf")] * len(sources)

    def came(self, index: int) -> float:
        """When the source of this index gave something last, seconds of the monotonic clock."""
        return self._came[index]

    def start(self, clock: SessionClock) -> None:
        """Begin to read; files that are played in real time begin now."""
        for index, source in enumerate(self._sources):
            thread = threading.Thread(
                target=self._read, args=(index, source, clock), name=f"source {source.name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop_reading(self) -> None:
        """Ask the sources to end; what was read already is still delivered."""
        self._stop.set()

    def close(self, timeout: float) -> None:
        """Stop reading and wait up to `timeout` seconds for the readers to release their devices."""
        self._stop.set()
        self._delivery.abandon()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _read(self, index: int, source: Source, clock: SessionClock) -> None:
        cutter = BlockCutter()
        reached = 0.0
        try:
            items = checked(source.items(clock, self._stop))
            if self._realtime and not source.live:
                items = paced(items, clock, self._stop)
            for item in items:
                self._came[index] = time.monotonic()
                if isinstance(item, VideoFrame) and not self._wants(index, item.time):
                    continue
                for take in self._takers:
                    take(source.name, item)
                for part in _cut(item, cutter):
                    reached = max(reached, time_of(part))
                    self._delivery.put(index, part)
            for block in cutter.flush():
                reached = max(reached, block.end)
                self._delivery.put(index, block)
            self._delivery.put(index, SourceEnded(reached))
        except BaseException as failure:  # noqa: BLE001 - handed to the loop: it ends this feed
            for block in cutter.flush():
                self._delivery.put(index, block)
            self._delivery.put(index, SourceFailed(reached, failure))
        finally:
            self._delivery.close(index)
            self._delivery.wake()


def _cut(item: MediaItem, cutter: BlockCutter) -> list[Item]:
    """The item as the loop takes it: audio in blocks, the last of them completed when audio goes down."""
    match item:
        case AudioChunk():
            return [*cutter.push(item)]
        case MediumChange(medium="audio", state="down"):
            return [*cutter.flush(), item]
        case _:
            return [item]


class Stalls:
    """Sources that give nothing any more without a word, as when the disk, server or driver under them
    hangs. Owned by the loop of a live session."""

    def __init__(self, came: Callable[[int], float]) -> None:
        """`came`: when a feed's source gave something last, seconds of the monotonic clock."""
        self._came = came
        self._sounding: set[int] = set()
        self._stalled: set[int] = set()
        self._looked = self._lived_from = float("-inf")

    def change(self, feed: int, *, sounds: bool) -> None:
        """The sound of a feed is up from now on, or is not: its source has said so, or is gone."""
        (self._sounding.add if sounds else self._sounding.discard)(feed)
        self._stalled.discard(feed)

    def look(self, now: float) -> Iterator[tuple[int, bool]]:
        """The feeds that have stalled since the last look, or (False) go on, at `now` of that clock."""
        if now - self._looked > LOOKING:
            self._lived_from = now
        self._looked = now
        for feed in sorted(self._sounding):
            stalled = now - max(self._came(feed), self._lived_from) > QUIET
            if stalled != (feed in self._stalled):
                (self._stalled.add if stalled else self._stalled.discard)(feed)
                yield feed, stalled
