"""A tracker beside an event loop, which it never keeps: it opens, tracks and closes on threads of its own."""

import asyncio
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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="emotrack")
        self._tracker: Tracker | None = None
        self._messages: Generator[Message, None, None] | None = None

    async def open(self) -> None:
        """Load what tracks, which takes a second or a few; raises `UserError`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def messages(self) -> AsyncIterator[Message]:
        """Track from now on; the messages until all sources have ended or `close`."""
        loop = asyncio.get_running_loop()
        while (message := await loop.run_in_executor(self._thread, self._next)) is not None:
            yield message

    def end(self) -> None:
        """Nothing more is pushed; the session ends when all of it is labelled."""
        for source in self._sources:
            source.end()

    async def close(self) -> None:
        """End the session where it runs, within two seconds, and free what it holds; callable again."""
        self.end()
        if self._tracker is not None:
            self._tracker.stop()
        thread, loop = self._thread, asyncio.get_running_loop()
        try:
            closing = loop.run_in_executor(thread, self._close)
        except RuntimeError:  # closed already
            return
        thread.shutdown(wait=False)
        await closing

    def _open(self) -> None:
        settings = self._settings or load_settings(overrides=[UNPUBLISHED])
        self._tracker = Tracker(self._sources, settings, sinks=self._sinks, notify=self._notify)
        self._messages = self._tracker.messages()

    def _next(self) -> Message | None:
        return None if self._messages is None else next(self._messages, None)

    def _close(self) -> None:
        if self._messages is not None:
            self._messages.close()
        if self._tracker is not None:
            self._tracker.close()
