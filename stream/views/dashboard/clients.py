"""Who follows the messages, each at their own pace: where they begin, how they go on, and why they are let
go."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from emotrack.stream.views.dashboard.history import History
from emotrack.stream.views.dashboard.state import Entry
from emotrack.stream.views.dashboard.views import Recorded

CLIENTS = 100
"""That may follow at once."""
WAITING_BYTES = 4 << 20
"""That one who had caught up may be behind."""
SENDING_SECONDS = 10.0
"""That one may take to receive what is sent."""
WATCHED_EVERY = 1.0
QUIET_SECONDS = 15.0
"""Without a message after which a client is told that all is well."""


class Reason(NamedTuple):
    """Why following ended: a code of a WebSocket's end, and a sentence."""

    code: int
    sentence: str


LEFT = Reason(1000, "The client has left.")
PLAYED = Reason(1000, "The recording ends here.")
STOPPED = Reason(1001, "The dashboard stops.")
CROWDED = Reason(1013, f"{CLIENTS} clients follow already: come again when one has left.")
SLOW = Reason(4008, "This client takes messages more slowly than they come: come again with `after`.")


class Crowded(Exception):
    """There is no place for one more client."""


class Position(NamedTuple):
    """How far a client has read."""

    session: str | None
    """None: the one that runs."""
    seq: int


@dataclass(eq=False)
class Client:
    """One who follows."""

    ended: "asyncio.Future[Reason]"
    """Why they are let go."""
    behind: Callable[[], int] = lambda: 0
    """Bytes that came since they had caught up, and that they have not been sent."""
    sending_since: float | None = None
    """Since when they are being sent something, by the clock of the event loop."""

    def end(self, reason: Reason) -> None:
        """Let them go."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def attend(
        self, sending: Coroutine[None, None, Reason], listening: Coroutine[None, None, Reason]
    ) -> Reason:
        """Send and listen until one of both ends, or the client is let go; why."""
        tasks = [asyncio.create_task(sending), asyncio.create_task(listening)]
        try:
            done, _ = await asyncio.wait([*tasks, self.ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self.ended in done:
            return self.ended.result()
        return next(iter(done)).result()


@dataclass
class Clients:
    """Everybody who follows."""

    _followers: set[Client] = field(default_factory=set)
    stopped: bool = False

    @contextmanager
    def admitted(self) -> Iterator[Client]:
        """A place for one more; raises `Crowded` where there is none."""
        if self.stopped or len(self._followers) >= CLIENTS:
            raise Crowded
        client = Client(asyncio.get_running_loop().create_future())
        self._followers.add(client)
        try:
            yield client
        finally:
            self._followers.discard(client)

    async def watch(self, history: History) -> None:
        """Let go who is too slow; wake all now and then, so that those who heard nothing are told that all is
        well."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCHED_EVERY)
            for client in list(self._followers):
                since = client.sending_since
                if (since is not None and loop.time() - since > SENDING_SECONDS) or (
                    client.behind() > WAITING_BYTES
                ):
                    client.end(SLOW)
            history.wake()

    def stop(self) -> None:
        """Let everybody go, and take nobody any more."""
        self.stopped = True
        for client in list(self._followers):
            client.end(STOPPED)


async def follow(
    history: History, client: Client, position: Position | None, kinds: Collection[str]
) -> AsyncGenerator[list[Entry], None]:
    """Everything after `position`, or where that is not there any more what holds; then all that comes.

    Nothing at all now and then, where nothing comes.
    """
    loop = asyncio.get_running_loop()
    session, seq = history.session, history.seq
    known = position is not None and position.session in (None, session)
    if position is not None and known and history.is_whole_after(position.seq):
        seq = position.seq
    else:
        yield _chosen(history.state.entries(), kinds)
    spoke, taken = loop.time(), 0
    client.behind = lambda: history.bytes - taken if taken else 0
    while True:
        changed = history.changed
        if history.session != session:
            session, seq, taken = history.session, 0, 0
        if not history.is_whole_after(seq):  # what they would have been sent next had to go
            client.end(SLOW)
            return
        page = history.page(seq, kinds)
        if page.entries:
            spoke = loop.time()
            yield page.entries
            taken = page.entries[-1].upto if taken else 0
        seq = page.reached
        if page.more:
            continue
        taken = history.bytes
        if loop.time() - spoke > QUIET_SECONDS:
            spoke = loop.time()
            yield []
        await changed.wait()


async def replay(
    recorded: Recorded, begin: float, speed: float, kinds: Collection[str]
) -> AsyncGenerator[list[Entry], None]:
    """What held at a session time, then what came after it, at `speed` times its pace."""
    held = recorded.state_at(begin).entries()
    yield _chosen(held, kinds)
    async for entries in recorded.play(begin, speed, kinds, look=QUIET_SECONDS):
        yield entries


def _chosen(entries: list[Entry], kinds: Collection[str]) -> list[Entry]:
    return [entry for entry in entries if not kinds or entry.kind in kinds]
