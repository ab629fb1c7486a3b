"""Networks that hang: given up after a while, and used again when they are back."""

import threading
import time
from collections.abc import Iterator

import pytest

from emotrack.stream.session import deadlines
from emotrack.stream.session.deadlines import Deadlined


class Network:
    """Answers at once, or when it is let go."""

    dim = 7

    def __init__(self) -> None:
        self.hangs = False
        self.go = threading.Event()
        self.threads: set[int] = set()

    def encode(self, number: int, *, more: int = 0) -> int:
        self.threads.add(threading.get_ident())
        if self.hangs:
            self.go.wait(60)
        if number < 0:
            raise ValueError("too small")
        if number > 99:
            raise TimeoutError("a timeout of its own")
        return number + more


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.go.set()


@pytest.fixture
def bounded(network: Network) -> Iterator[Deadlined]:
    made = Deadlined(network, "encode")
    yield made
    made.close()


def test_what_is_in_time_is_answered_as_ever_on_one_other_thread(
    bounded: Deadlined, network: Network
) -> None:
    assert [bounded.encode(number, more=1) for number in range(5)] == [1, 2, 3, 4, 5]
    assert bounded.dim == 7
    assert len(network.threads) == 1 and threading.get_ident() not in network.threads


@pytest.mark.parametrize(("number", "kind"), [(-1, ValueError), (100, TimeoutError)])
def test_what_it_fails_with_is_raised_as_it_is(
    bounded: Deadlined, number: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=r"too small|of its own"):
        bounded.encode(number)
    assert bounded.encode(1) == 1


def test_what_hangs_is_given_up_asked_no_more_and_used_again_when_it_is_back(
    bounded: Deadlined, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "SECONDS", 0.5)
    network.hangs = True
    with pytest.raises(TimeoutError, match="no answer within"):
        bounded.encode(1)
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(TimeoutError, match="it has not answered yet"):
            bounded.encode(2)
    assert time.monotonic() - began < 20.0  # a hundred deadlines are 50 seconds
    network.hangs = False
    network.go.set()
    deadline = time.monotonic() + 20
    while True:
        try:
            assert bounded.encode(3) == 3
            return
        except TimeoutError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_its_thread_ends_when_it_is_closed(bounded: Deadlined) -> None:
    bounded.encode(1)
    thread = bounded._thread
    assert thread is not None
    bounded.close()
    thread.join(10)
    assert not thread.is_alive()
