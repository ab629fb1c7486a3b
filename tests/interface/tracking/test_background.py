"""A tracker beside an event loop: whoever closes it, and whenever, it ends, tells its end, and leaves
nothing."""

import asyncio
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from emotrack import PushedSource
from emotrack.stream.wire.protocol.messages import Message, Session
from emotrack.tracking.agents.background import BackgroundTracker
from helpers.sessions.tracking import settings


def opened() -> BackgroundTracker:
    return BackgroundTracker([PushedSource("own")], settings(), notify=lambda _: None)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    deadline = time.monotonic() + 5.0
    while any(thread.name.startswith(("agent", "tracker")) for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def read(tracker: BackgroundTracker) -> list[Message]:
    return [message async for message in tracker.messages()]


def states(messages: list[Message]) -> list[str]:
    return [message.state for message in messages if isinstance(message, Session)]


def test_it_ends_with_its_sources() -> None:
    async def session() -> list[Message]:
        tracker = opened()
        await tracker.open()
        asyncio.get_running_loop().call_later(0.5, tracker.end)
        told = await read(tracker)
        await tracker.close()
        return told

    assert states(asyncio.run(session())) == ["started", "ended"]


def test_whoever_closes_it_another_still_reads_its_end() -> None:
    async def session() -> list[Message]:
        tracker = opened()
        await tracker.open()
        reading = asyncio.create_task(read(tracker))
        await asyncio.sleep(0.5)
        begun = time.monotonic()
        await tracker.close()
        assert time.monotonic() - begun < 5.0
        await tracker.close()
        return await reading

    assert states(asyncio.run(session())) == ["started", "ended"]


def test_one_that_was_never_read_never_runs() -> None:
    async def session() -> list[Message]:
        tracker = opened()
        await tracker.open()
        await tracker.close()
        return await read(tracker)

    assert asyncio.run(session()) == []


def test_one_that_was_never_opened_is_closed() -> None:
    async def session() -> list[Message]:
        tracker = opened()
        await tracker.close()
        await tracker.open()
        return await read(tracker)

    assert asyncio.run(session()) == []


def test_it_may_be_closed_while_it_opens() -> None:
    async def session() -> None:
        tracker = opened()
        opening = asyncio.create_task(tracker.open())
        await asyncio.sleep(0)
        await tracker.close()
        await opening

    asyncio.run(session())


def test_a_reader_may_leave() -> None:
    async def session() -> None:
        source = PushedSource("own")
        tracker = BackgroundTracker([source], settings(), notify=lambda _: None)
        await tracker.open()
        async for _ in tracker.messages():
            break
        source.push_audio(np.zeros(160, np.int16), 16_000)
        await tracker.close()

    asyncio.run(session())
