"""Subscribing on an event loop: `async for message in …`, with the same healing, for it is the same
subscription.

A subscription blocks and belongs to one thread, so it gets one of its own, which hands over what comes.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from emotrack.stream.wire.client.subscription import Subscription, subscribe
from emotrack.stream.wire.protocol.endpoints import DEFAULT_ENDPOINT
from emotrack.stream.wire.protocol.messages import Message

HANDED_OVER = 64
"""Messages that may wait for the event loop; beyond that the subscription waits, and what its own queues
cannot hold is asked for again."""
LOOK = 0.2
"""Seconds after which the thread sees that nobody listens any more."""
LEAVING = 1.0
"""Seconds that leaving waits for the thread, which may be in the middle of healing a loss."""


def subscribe_async(
    endpoint: str = DEFAULT_ENDPOINT,
    *,
    session: str | None = None,
    kinds: Collection[str] | None = None,
    speaker: str | None = None,
    since: int | None = None,
    snapshot_endpoint: str | None = None,
    server_key: str | Path | None = None,
    keys: str | Path | None = None,
    on_problem: Callable[[str], None] | None = None,
) -> "AsyncSubscription":
    """What `subscribe` does, on an event loop: enter the result by `async with`, and iterate by `async for`.

    The arguments are those of `subscribe`; `on_problem` is called on the event loop. How long a message may
    take is up to `asyncio.wait_for`. Entering raises `UserError` where `subscribe` does.
    """
    opening = partial(
        subscribe,
        endpoint,
        session=session,
        kinds=kinds,
        speaker=speaker,
        since=since,
        snapshot_endpoint=snapshot_endpoint,
        server_key=server_key,
        keys=keys,
    )
    return AsyncSubscription(opening, on_problem)


class AsyncSubscription:
    """An asynchronous iterator of messages and context manager, for one task at a time."""

    def __init__(
        self, opening: Callable[..., Subscription], on_problem: Callable[[str], None] | None
    ) -> None:
        self._opening = opening
        self._on_problem = on_problem
        self._arrived: deque[Message | Exception] = deque()
        self._room = threading.BoundedSemaphore(HANDED_OVER)
        self._leaving = threading.Event()
        self._subscription: Subscription | None = None

    @property
    def session(self) -> str | None:
        """The session that messages come from; None before the first."""
        return self._subscription.session if self._subscription else None

    @property
    def connected(self) -> bool:
        """Whether a publisher is connected at this moment, be it silent or not."""
        return self._subscription is not None and self._subscription.connected

    @property
    def lost(self) -> int:
        """Wanted messages that were lost and could not be had again."""
        return self._subscription.lost if self._subscription else 0

    async def __aenter__(self) -> "AsyncSubscription":
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._opened: asyncio.Future[Subscription] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._run, name="subscription", daemon=True).start()
        try:
            self._subscription = await self._opened
        except BaseException:
            self._leaving.set()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        await asyncio.wait([self._ended], timeout=LEAVING)

    def __aiter__(self) -> "AsyncSubscription":
        return self

    async def __anext__(self) -> Message:
        while not self._arrived:
            self._news.clear()
            await self._news.wait()
        arrived = self._arrived.popleft()
        self._room.release()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    def _run(self) -> None:
        """All of the thread."""
        try:
            subscription = self._opening(on_problem=self._tell if self._on_problem else None)
        except Exception as error:  # noqa: BLE001 - raised where it was asked for
            self._call(_settle, self._opened, error)
        else:
            with subscription:
                self._call(_settle, self._opened, subscription)
                try:
                    self._pass_on(subscription)
                except Exception as error:  # noqa: BLE001 - raised where messages are waited for
                    self._hand_over(error)
        self._call(_settle, self._ended, None)

    def _pass_on(self, subscription: Subscription) -> None:
        while not self._leaving.is_set():
            with suppress(TimeoutError):
                self._hand_over(subscription.receive(LOOK))

    def _hand_over(self, arrived: Message | Exception) -> None:
        while not self._room.acquire(timeout=LOOK):
            if self._leaving.is_set():
                return
        self._call(self._take, arrived)

    def _take(self, arrived: Message | Exception) -> None:
        self._arrived.append(arrived)
        self._news.set()

    def _tell(self, sentence: str) -> None:
        if self._on_problem is not None:
            self._call(self._on_problem, sentence)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the event loop call something; one that is closed hears nothing more."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._leaving.set()


def _settle(future: "asyncio.Future[Any]", outcome: object) -> None:
    if future.done():  # whoever waited was cancelled
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
