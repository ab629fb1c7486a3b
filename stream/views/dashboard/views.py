"""What a dashboard shows: a session that runs, or one that was recorded."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path
from typing import Literal

from emotrack.errors import UserError, first_line
from emotrack.notify import notify, plain
from emotrack.stream.views.dashboard.history import PAGE, History
from emotrack.stream.views.dashboard.state import Entry, State
from emotrack.stream.wire.client.asynchronous import AsyncSubscription, subscribe_async
from emotrack.stream.wire.recordings.reading import read_messages

LARGEST_RECORDING = 512 << 20
"""Bytes of messages; ten hours of two people."""
BETWEEN_STATES = 1_000
"""Messages after which what holds is kept, so that any moment is found quickly."""
EVIDENCE = ".evidence"
"""How a session's folder of evidence ends (`emotrack run --record DIR --keep-evidence`)."""
_time_of, _seq_of = attrgetter("time"), attrgetter("seq")


class Live:
    """A session that is followed while it runs, and those after it."""

    kind: Literal["live", "recording"] = "live"

    def __init__(self, endpoint: str, evidence: Path | None = None) -> None:
        """`evidence`: the folder that `emotrack run --record` fills."""
        self.source = plain(endpoint)
        self.history = History()
        self._evidence = evidence
        self._subscription: AsyncSubscription | None = None

    @property
    def connected(self) -> bool:
        """Whether a tracker is there at this moment."""
        return self._subscription is not None and self._subscription.connected

    @property
    def evidence(self) -> Path | None:
        """The folder of evidence of the session that runs, where one is named."""
        if self._evidence is None or self.history.session is None:
            return None
        return self._evidence / f"{self.history.session}{EVIDENCE}"

    @asynccontextmanager
    async def following(
        self, endpoint: str, session: str | None, server_key: str | None, keys: Path | None
    ) -> AsyncIterator[None]:
        """Follow the tracker at `endpoint` for as long as the block runs; raises `UserError` for what is no
        address, and for keys that cannot be read."""
        subscription = subscribe_async(
            endpoint, session=session, since=0, server_key=server_key, keys=keys, on_problem=notify
        )
        async with subscription:
            self._subscription = subscription
            task = asyncio.create_task(self._follow(subscription))
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def _follow(self, subscription: AsyncSubscription) -> None:
        try:
            async for message in subscription:
                self.history.add(message)
        except Exception as error:
            notify(
                f"{self.source} is followed no more ({plain(first_line(error))}): start the dashboard again."
            )
            raise


class Recorded:
    """A session that was recorded, whole in memory."""

    kind: Literal["live", "recording"] = "recording"
    connected = True

    def __init__(self, path: Path, session: str | None = None) -> None:
        """Raises `UserError` as `read_messages` does, and for one that is too large."""
        self.source = plain(str(path))
        self.history = History(most_bytes=4 * LARGEST_RECORDING)
        self._entries: list[Entry] = []
        self._states: list[State] = []
        for message in read_messages(path, session):
            if len(self._entries) % BETWEEN_STATES == 0:
                self._states.append(self.history.state.copy())
            if (entry := self.history.add(message)) is not None:
                self._entries.append(entry)
            if self.history.bytes > LARGEST_RECORDING:
                raise UserError(
                    f"{self.source} is larger than a page can show ({LARGEST_RECORDING >> 20} MB of "
                    "messages): cut it, or read it from a program."
                )
        name = f"{self.history.session}{EVIDENCE}"
        self.evidence: Path | None = path / name if path.is_dir() else path.with_suffix(EVIDENCE)

    def state_at(self, at: float) -> State:
        """What held at a session time, in seconds."""
        until = bisect_right(self._entries, at, key=_time_of)
        nearest = min(until // BETWEEN_STATES, len(self._states) - 1)
        state = self._states[nearest].copy()
        for entry in self._entries[nearest * BETWEEN_STATES : until]:
            state.add(entry)
        return state

    def time_of(self, seq: int, default: float) -> float:
        """The session time of a message, in seconds."""
        at = bisect_right(self._entries, seq, key=_seq_of) - 1
        return self._entries[at].time if at >= 0 else default

    async def play(
        self, begin: float, speed: float, kinds: Collection[str], *, look: float
    ) -> AsyncGenerator[list[Entry], None]:
        """What comes after session time `begin`, each when its time has come, `speed` times as fast as it
        was; nothing at least every `look` seconds."""
        loop = asyncio.get_running_loop()
        zero = loop.time() - begin / speed
        at = bisect_right(self._entries, begin, key=_time_of)
        while at < len(self._entries):
            now = (loop.time() - zero) * speed
            until = min(at + PAGE, bisect_right(self._entries, now, lo=at, key=_time_of))
            yield [entry for entry in self._entries[at:until] if not kinds or entry.kind in kinds]
            if (at := until) < len(self._entries):
                wait = self._entries[at].time / speed + zero - loop.time()
                await asyncio.sleep(min(max(wait, 0.0), look))


View = Live | Recorded
