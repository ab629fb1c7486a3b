"""One of what is costly: made once, kept while anybody has it, closed with the last."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.transcription.whisper.recogniser import Shared


class Costly:
    """Knows how many of a key are open."""

    def __init__(self, key: str, opened: Counter[str], seconds: float = 0.0) -> None:
        time.sleep(seconds)
        self.key = key
        self._open = opened
        opened[key] += 1

    def close(self) -> None:
        self._open[self.key] -= 1


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=40))
def test_one_is_open_for_each_key_that_somebody_has(steps: list[tuple[str, bool]]) -> None:
    opened: Counter[str] = Counter()
    shared: Shared[str, Costly] = Shared(lambda key: Costly(key, opened))
    held: dict[str, list[Costly]] = {"a": [], "b": []}
    for key, borrows in steps:
        if borrows:
            held[key].append(shared.borrow(key))
        elif held[key]:
            shared.give_back(held[key].pop().key)
        assert all(
            len({id(value) for value in values}) == opened[name] == bool(values)
            for name, values in held.items()
        )


def test_threads_that_borrow_at_once_get_the_same() -> None:
    opened: Counter[str] = Counter()
    shared: Shared[str, Costly] = Shared(lambda key: Costly(key, opened, seconds=0.05))
    together = threading.Barrier(8)

    def borrow(_: int) -> Costly:
        together.wait()
        return shared.borrow("model")

    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(borrow, range(8)))
        assert len({id(value) for value in values}) == opened["model"] == 1
        list(threads.map(lambda value: shared.give_back(value.key), values))
    assert opened["model"] == 0


def test_a_new_one_is_made_only_when_the_one_before_has_gone() -> None:
    may_go, opened = threading.Event(), Counter[str]()

    class Slow(Costly):
        def __init__(self, key: str) -> None:
            assert opened[key] == 0, "there would be two"
            super().__init__(key, opened)

        def close(self) -> None:
            may_go.wait(10)
            super().close()

    shared = Shared(Slow)
    shared.borrow("model")
    with ThreadPoolExecutor(2) as threads:
        gone = threads.submit(shared.give_back, "model")
        while not shared._lock.locked():
            time.sleep(0.001)
        next_one = threads.submit(shared.borrow, "model")
        assert wait([next_one], 0.2).not_done
        may_go.set()
        gone.result(10)
        next_one.result(10)
    assert opened["model"] == 1


def test_what_cannot_be_made_is_tried_again() -> None:
    opened: Counter[str] = Counter()
    failures = iter([True, False])

    def make(key: str) -> Costly:
        if next(failures):
            raise OSError("no memory")
        return Costly(key, opened)

    shared = Shared(make)
    with pytest.raises(OSError, match="no memory"):
        shared.borrow("model")
    shared.borrow("model")
    shared.give_back("model")
    assert opened["model"] == 0
