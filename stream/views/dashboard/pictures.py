"""What a camera sees, asked of the tracker on demand, where it shows any.

However many browsers look, the tracker is asked for each feed only as often as it makes a picture.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emotrack.errors import UserError
from emotrack.stream.views.dashboard.state import State
from emotrack.stream.wire.client.pictures import PictureClient
from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.endpoints import parse_endpoint
from emotrack.stream.wire.protocol.messages import Heartbeat, Session
from emotrack.stream.wire.protocol.pictures import PictureReply

FRESH = 0.15
"""Seconds for which a picture is given again without asking."""


class NoPicture(Exception):
    """There is none to be seen now; the text says why in one sentence."""


class Pictures:
    """The pictures of a tracker that is followed, whose messages `state` has."""

    def __init__(
        self,
        endpoint: str,
        state: Callable[[], State],
        server_key: str | None = None,
        keys: Path | None = None,
    ) -> None:
        self._endpoint, self._state = endpoint, state
        self._keys = {"server_key": server_key, "keys": keys}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._client: tuple[str, PictureClient] | None = None
        self._made: dict[str, tuple[float, asyncio.Task[PictureReply | None]]] = {}

    async def of(self, source: str) -> bytes:
        """The newest picture of a feed as JPEG; raises `NoPicture`."""
        if source not in self._sources():
            raise NoPicture(f"There is no feed {source} in this session.")
        loop = asyncio.get_running_loop()
        began, asking = self._made.get(source, (float("-inf"), None))
        if asking is None or (asking.done() and loop.time() - began > FRESH):
            asking = loop.create_task(self._ask(source))
            self._made[source] = loop.time(), asking
        try:
            reply = await asyncio.shield(asking)
        except UserError as error:
            raise NoPicture(str(error)) from error
        if reply is None:
            raise NoPicture("The tracker does not answer: it may be busy, or gone.")
        if not reply.jpeg:
            raise NoPicture("There is no picture yet: a moment, or the camera is covered or off.")
        return reply.jpeg

    def close(self) -> None:
        """Ask no more."""
        self._thread.submit(self._leave)
        self._thread.shutdown(cancel_futures=False)

    def _sources(self) -> frozenset[str]:
        for entry in self._state().entries():
            if entry.kind == "session":
                session = decode(entry.payload)
                assert isinstance(session, Session)
                return frozenset(feed.source for feed in session.feeds)
        return frozenset()

    async def _ask(self, source: str) -> PictureReply | None:
        where = self._where()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, where, source)

    def _where(self) -> str:
        """Where the tracker answers, as its last heartbeat says."""
        address = parse_endpoint(self._endpoint)
        for entry in self._state().entries():
            if entry.kind == "heartbeat":
                beat = decode(entry.payload)
                if isinstance(beat, Heartbeat) and beat.snapshot_endpoint:
                    return str(parse_endpoint(beat.snapshot_endpoint).seen_from(address))
        return str(address.beside())

    def _answer(self, where: str, source: str) -> PictureReply | None:
        if self._client is not None and self._client[0] != where:
            self._leave()
        if self._client is None:
            self._client = where, PictureClient(where, **self._keys)
        return self._client[1].ask(source)

    def _leave(self) -> None:
        if self._client is not None:
            self._client[1].close()
            self._client = None
