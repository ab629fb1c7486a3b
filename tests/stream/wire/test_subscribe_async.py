"""The subscriber on an event loop: the same messages, healed the same way, and left at once."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from emotrack import UserError, subscribe_async
from emotrack.stream.wire.client.asynchronous import HANDED_OVER, AsyncSubscription
from emotrack.stream.wire.client.subscription import Subscription
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all, heartbeats, lossy_relay, publishing

PATIENCE = 30.0


async def first(messages: AsyncSubscription, outbox: Outbox) -> Message:
    """Emit heartbeats until one has come."""
    waiting = asyncio.ensure_future(anext(messages))
    while not waiting.done():
        outbox.emit(sample.heartbeat())
        await asyncio.sleep(0.02)
    return await waiting


async def until(messages: AsyncSubscription, seq: int) -> list[Message]:
    found = []
    async for message in messages:
        found.append(message)
        if message.seq >= seq:
            return found
    raise AssertionError


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_messages_come_in_order_and_losses_are_healed() -> None:
    losing = threading.Event()

    async def main() -> None:
        async with subscribe_async(relay) as messages:
            began = await first(messages, outbox)
            losing.set()
            sent = emit_all(outbox, [sample.emotion(number) for number in range(200)])
            last = outbox.emit(sample.heartbeat()).seq
            with heartbeats(outbox):
                found = await until(messages, last - 1)
            assert [one.seq for one in found if one.seq >= sent[0].seq] == list(
                range(sent[0].seq, found[-1].seq + 1)
            )
            assert messages.lost == 0 and messages.session == began.session == "s1"
            assert messages.connected

    with (
        publishing() as (publisher, outbox),
        lossy_relay(publisher.endpoint, lambda seq: not losing.is_set() or seq % 4 == 0) as relay,
    ):
        run(main)


def test_who_reads_late_misses_nothing_and_little_waits_for_them() -> None:
    async def main() -> None:
        async with subscribe_async(publisher.endpoint) as messages:
            await first(messages, outbox)
            sent = emit_all(outbox, [sample.emotion(number) for number in range(20 * HANDED_OVER)])
            await asyncio.sleep(0.5)
            assert len(messages._arrived) <= HANDED_OVER
            found = await until(messages, sent[-1].seq)
            assert [one.seq for one in found][-len(sent) :] == [one.seq for one in sent]

    with publishing() as (publisher, outbox):
        run(main)


def test_several_are_followed_at_once() -> None:
    async def follow(endpoint: str, outbox: Outbox) -> str:
        async with subscribe_async(endpoint, kinds=["emotion"]) as messages:
            waiting = asyncio.ensure_future(anext(messages))
            while not waiting.done():
                outbox.emit(sample.emotion(1))
                await asyncio.sleep(0.02)
            return (await waiting).session

    async def main() -> None:
        told = await asyncio.gather(follow(one.endpoint, a), follow(other.endpoint, b))
        assert list(told) == ["a", "b"]

    with publishing("a") as (one, a), publishing("b") as (other, b):
        run(main)


def test_a_silent_one_is_left_at_once_and_its_thread_ends() -> None:
    async def main() -> None:
        async with subscribe_async(publisher.endpoint) as messages:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(messages), 0.1)

    with publishing() as (publisher, _):
        run(main)
        deadline = time.monotonic() + PATIENCE
        while any(thread.name == "subscription" for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_one_in_the_middle_of_a_crowd_is_left_too() -> None:
    """Where messages wait that nobody takes any more."""

    async def main() -> None:
        async with subscribe_async(publisher.endpoint) as messages:
            await first(messages, outbox)
            emit_all(outbox, [sample.emotion(number) for number in range(5 * HANDED_OVER)])
            await asyncio.sleep(0.3)
        await asyncio.wait_for(messages._ended, PATIENCE)

    with publishing() as (publisher, outbox):
        run(main)


def test_what_is_wrong_is_raised_where_it_is_entered() -> None:
    async def main() -> None:
        for options in ({"endpoint": "nowhere"}, {"kinds": ["mood"]}, {"server_key": "x"}):
            with pytest.raises(UserError):
                async with subscribe_async(**options):
                    pass

    run(main)


def test_problems_are_told_on_the_event_loop() -> None:
    told: list[tuple[str, int]] = []

    def hear(sentence: str) -> None:
        told.append((sentence, threading.get_ident()))

    async def main() -> None:
        endpoint = publisher.endpoint
        async with subscribe_async(endpoint, on_problem=hear) as messages:
            await first(messages, outbox)
            other = Outbox("s2", [publisher])
            waiting = asyncio.ensure_future(until_session(messages, "s2"))
            while not waiting.done():
                other.emit(sample.heartbeat())
                await asyncio.sleep(0.02)
            await waiting

    with publishing() as (publisher, outbox):
        run(main)
    assert [(sentence.partition(":")[0], thread) for sentence, thread in told] == [
        ("The publisher started again", threading.get_ident())
    ]


async def until_session(messages: AsyncSubscription, session: str) -> None:
    async for message in messages:
        if message.session == session:
            return


def test_what_ends_the_subscription_is_raised_where_messages_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    async def main() -> None:
        async with subscribe_async(publisher.endpoint) as messages:
            with pytest.raises(RuntimeError, match="out of order"):
                await anext(messages)

    monkeypatch.setattr(Subscription, "receive", broken)
    with publishing() as (publisher, _):
        run(main)
