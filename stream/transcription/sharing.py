"""One of what is costly for all who need an equal one: made for the first, closed with the last."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can be shared."""

    def close(self) -> None:
        """Free what it holds."""
        ...


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Closable)


class Shared(Generic[Key, Value]):
    """Lends one value for each key; callable from any thread.

    One value is made or closed at a time, while other borrowers wait: two that are made at once would be no faster, and one
    that is made before its predecessor has gone would need the memory twice.
    """

    def __init__(self, make: Callable[[Key], Value]) -> None:
        self._make = make
        self._values: dict[Key, Value] = {}
        self._borrowers: dict[Key, int] = {}
        self._lock = threading.Lock()

    def borrow(self, key: Key) -> Value:
        """The value for a key, made unless somebody has it; to be given back once. Raises what making it raises."""
        with self._lock:
            if key not in self._values:
                self._values[key] = self._make(key)
                self._borrowers[key] = 0
            self._borrowers[key] += 1
            return self._values[key]

    def give_back(self, key: Key) -> None:
        """A borrower is done; the value is closed when it was the last."""
        with self._lock:
            self._borrowers[key] -= 1
            if not self._borrowers[key]:
                del self._borrowers[key]
                self._values.pop(key).close()
