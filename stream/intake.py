"""One reader thread a source: cuts its audio into blocks and hands everything to a delivery policy."""

import threading
from collections.abc import Sequence

from emotrack.stream.audio import BlockCutter
from emotrack.stream.clock import SessionClock
from emotrack.stream.delivery import Delivery, Item
from emotrack.stream.media import AudioChunk, MediaItem, MediumChange, Source
from emotrack.stream.pacing import paced


class Intake:
    """Reads every source on its own thread; `failures` holds what a reader died of, for the loop to raise."""

    def __init__(self, sources: Sequence[Source], delivery: Delivery, clock: SessionClock, *, realtime: bool) -> None:
        self.failures: list[BaseException] = []
        self._delivery = delivery
        self._clock = clock
        self._realtime = realtime
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(index, source), name=f"source {source.name}", daemon=True)
            for index, source in enumerate(sources)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self, timeout: float = 1.0) -> None:
        """Stop reading and wait up to `timeout` seconds for each reader to release its device."""
        self._stop.set()
        self._delivery.abandon()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout)

    def stop_reading(self) -> None:
        """Ask the sources to end; what was read already is still delivered."""
        self._stop.set()

    def _read(self, index: int, source: Source) -> None:
        cutter = BlockCutter()
        items = source.items(self._clock, self._stop)
        if self._realtime and not source.live:
            items = paced(items, self._clock, self._stop)
        try:
            for item in items:
                for part in _cut(item, cutter):
                    self._delivery.put(index, part)
            for block in cutter.flush():
                self._delivery.put(index, block)
        except BaseException as failure:  # noqa: BLE001 - handed to the loop, which raises it on the caller's thread
            self.failures.append(failure)
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
