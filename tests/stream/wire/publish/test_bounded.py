"""Queues that are bounded by bytes: in order, never above their bounds, nothing lost but what was refused."""

import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.wire.protocol.messages import Error
from emotrack.stream.wire.publish import outbox, sinks
from emotrack.stream.wire.publish.bounded import BoundedQueue
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Listener
from helpers.sessions import sample_messages as sample

steps = st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=200)
"""Sizes of what is put, None where something is taken."""


@given(steps, st.integers(1, 10), st.integers(1, 100))
def test_it_gives_what_it_took_in_order_and_holds_no_more_than_its_bounds_and_one_item(
    sizes: list[int | None], most: int, most_bytes: int
) -> None:
    queue: BoundedQueue[tuple[int, int]] = BoundedQueue(most, most_bytes)
    model: deque[tuple[int, int]] = deque()
    for number, size in enumerate(sizes):
        if size is None:
            assert queue.get() == (model.popleft() if model else None)
        elif queue.put((number, size), size):
            model.append((number, size))
        else:
            assert len(model) == most or sum(size for _, size in model) >= most_bytes
        assert (len(queue), queue.size) == (len(model), sum(size for _, size in model))
        assert len(queue) <= most and queue.size < most_bytes + 50 + 1
    queue.clear()
    assert (len(queue), queue.size, queue.get()) == (0, 0, None)


def test_who_puts_waits_for_room_and_who_gets_for_something() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2, 10)
    numbers = range(500)

    def put() -> None:
        for number in numbers:
            assert queue.put(number, 7, 30.0)

    giver = threading.Thread(target=put)
    giver.start()
    taken = [queue.get(30.0) for _ in numbers]
    giver.join(30)
    assert taken == [*numbers] and not giver.is_alive()


def test_a_program_that_never_reads_is_given_no_more_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "WAITING_BYTES", 10_000)
    listener = Listener()
    made = Outbox("s1", [listener])
    made.patient = False
    for _ in range(100):
        made.emit(Error(message="x" * 1_000, continues=True, source=None, time=0.0))
    assert 10_000 <= listener._queue.size < 12_000
    listener.leave()
    made.close()


def test_a_part_that_does_not_follow_lacks_what_is_too_much_and_that_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "FOLLOWED", 10)
    made = Outbox("s1")
    following = made.follow()
    sent = [made.emit(sample.feed()) for _ in range(30)]
    beat = made.emit(sample.heartbeat())
    assert beat.dropped["output_messages"] == 20
    assert [*following] == sent[:10]
    last = made.emit(sample.feed())
    assert following.get() == last
