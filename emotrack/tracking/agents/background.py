"""A tracker beside an event loop, which it never keeps: it opens, tracks and closes on threads of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

from emotrack.notify import Notify, notify
from emotrack.settings import Settings, load_settings
from emotrack.stream.sources.pushed.program import PushedSource
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import Sink
from emotrack.tracking.tracker import Tracker

UNPUBLISHED = "stream.publish.endpoint=none"
"""An agent has its messages already, and several on one machine would want one port."""


class BackgroundTracker:
    """One session over sources that the program pushes. `open`, read `messages`, `close`; once each.

    `settings` are as `load_settings` makes them; unless given nothing is published. Messages go to `sinks` as
    well. What is missing is told through `notify`.
    """

    def __init__(
        self,
        sources: Sequence[PushedSource],
        settings: Settings | None = None,
        *,
        sinks: Sequence[Sink] = (),
        notify: Notify = notify,
    ) -> None:
        self._sources = sources
        self._settings = settings
        self._sinks = sinks
        self._notify = notify
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="agent")
        self._tracker: Tracker | None = None
        self._messages: Generator[Message, None, None] | None = None
        self._begun = False
        self._closing: asyncio.Future[None] | None = None
        self._last: deque[Message] = deque()

    async def open(self) -> None:
        """Load what tracks, which takes a second or a few; raises `UserError`."""
        if self._closing is None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def messages(self) -> AsyncIterator[Message]:
        """Track from now on; the messages until all sources have ended, or `close` has ended the session."""
        loop = asyncio.get_running_loop()
        while self._closing is None:
            message = await loop.run_in_executor(self._thread, self._next)
            if message is None:
                return
            yield message
        await asyncio.shield(self._closing)
        while self._last:
            yield self._last.popleft()

    def end(self) -> None:
        """Nothing more is pushed; the session ends when all of it is labelled."""
        for source in self._sources:
            source.end()

    async def close(self) -> None:
        """End the session where it runs, within two seconds, and free what it holds; callable again."""
        self.end()
        if self._tracker is not None:
            self._tracker.stop()
        if self._closing is None:
            self._closing = asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)
        await asyncio.shield(self._closing)

    def _open(self) -> None:
        settings = self._settings or load_settings(overrides=[UNPUBLISHED])
        self._tracker = Tracker(self._sources, settings, sinks=self._sinks, notify=self._notify)
        self._messages = self._tracker.messages()

    def _next(self) -> Message | None:
        self._begun = True
        return None if self._messages is None else next(self._messages, None)

    def _close(self) -> None:
        try:
            if self._messages is not None and self._begun:
                self._last.extend(self._messages)  # of a session that was stopped: what ends it
        finally:
            if self._tracker is not None:
                self._tracker.close()
