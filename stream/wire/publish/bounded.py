"""A queue between two threads that is bounded by bytes as well as by count: what waits in it may be of any
size."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

WAITING_BYTES = 16 << 20
"""Bytes of messages, as JSON, that may wait for whoever takes them."""


class BoundedQueue(Generic[Item]):
    """First in, first out. It takes no more once `most` items or `most_bytes` bytes wait in it, so that it
    never holds more than that and one item."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._changed = threading.Condition()
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._bytes

    def put(self, item: Item, size: int, wait: float | None = 0.0) -> bool:
        """Add an item of `size` bytes: whether there was room for it within `wait` seconds, of which None are
        any number."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, wait):
                return False
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()
            return True

    def get(self, wait: float | None = 0.0) -> Item | None:
        """The next item; None where there is none within `wait` seconds, of which None are any number."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, wait):
                return None
            item, size = self._items.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return item

    def __iter__(self) -> Iterator[Item]:
        """What waits, each item taken out as it comes."""
        while (item := self.get()) is not None:
            yield item

    def clear(self) -> None:
        """Throw away what waits."""
        with self._changed:
            self._items.clear()
            self._bytes = 0
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._items) < self._most and self._bytes < self._most_bytes
