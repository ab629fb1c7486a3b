"""The messages as they come: server-sent events, and a WebSocket with one message in each text frame."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from emotrack.stream.views.dashboard.clients import (
    CROWDED,
    LEFT,
    PLAYED,
    STOPPED,
    Client,
    Clients,
    Crowded,
    Reason,
    follow,
    replay,
)
from emotrack.stream.views.dashboard.serving.asked import asked_position, asked_replay, kinds_of
from emotrack.stream.views.dashboard.state import Entry
from emotrack.stream.views.dashboard.views import Recorded, View

GOODBYE_SECONDS = 5.0
"""That the last words may take to a client who is slow."""
LAST_SECONDS = 0.5
"""And those of a dashboard that stops."""

Open = Callable[[Client], AsyncGenerator[list[Entry], None]]


def opening(view: View, connection: HTTPConnection) -> Open:
    """What a client asked to follow; raises `Refused` for what cannot be."""
    kinds, position = kinds_of(connection), asked_position(connection)
    played = asked_replay(connection, view)
    if played is None or not isinstance(view, Recorded):
        return lambda client: follow(view.history, client, position, kinds)
    begin, speed = played
    if position is not None:  # an interrupted replay goes on where it was
        begin = view.time_of(position.seq, begin)
    return lambda client: replay(view, begin, speed, kinds)


class Events(Response):
    """Server-sent events: the `id` of each is `session:seq`, its data the message; the last, `end`, says why
    no more come."""

    media_type = "text/event-stream"

    def __init__(self, opened: Open, clients: Clients, session: Callable[[], str | None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._open, self._clients, self._session = opened, clients, session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until there is no more to say, or nobody who hears it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            with self._clients.admitted() as client:
                reason = await client.attend(self._sending(client, send), _until_left(receive))
        except Crowded:
            reason = CROWDED
        except OSError:  # who has left between two messages
            return
        if reason is LEFT:
            return
        last = msgspec.json.encode({"code": reason.code, "reason": reason.sentence})
        with contextlib.suppress(asyncio.TimeoutError):
            event = _body(b"event: end\ndata: %b\n\n" % last, more=False)
            await asyncio.wait_for(send(event), _patience(reason))

    async def _sending(self, client: Client, send: Send) -> Reason:
        loop = asyncio.get_running_loop()
        async with contextlib.aclosing(self._open(client)) as batches:
            async for entries in batches:
                name = (self._session() or "").encode()
                body = b"".join(b"id: %b:%d\ndata: %b\n\n" % (name, one.seq, one.payload) for one in entries)
                client.sending_since = loop.time()
                await send(_body(body or b": all is well\n\n"))
                client.sending_since = None
        return PLAYED


def _body(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def serve_socket(websocket: WebSocket, opened: Open, clients: Clients) -> None:
    """A WebSocket until its end: one message in each text frame, nothing from the other side."""
    await websocket.accept()
    try:
        with clients.admitted() as client:
            sending = _sending(client, opened, websocket.send)
            reason = await client.attend(sending, _until_left(websocket.receive))
    except Crowded:
        reason = CROWDED
    except WebSocketDisconnect:  # who has left between two messages
        reason = LEFT
    if reason is not LEFT:
        with contextlib.suppress(asyncio.TimeoutError, RuntimeError, WebSocketDisconnect):
            await asyncio.wait_for(websocket.close(reason.code, reason.sentence), _patience(reason))


async def _sending(client: Client, opened: Open, send: Send) -> Reason:
    loop = asyncio.get_running_loop()
    async with contextlib.aclosing(opened(client)) as batches:
        async for entries in batches:
            for entry in entries:
                client.sending_since = loop.time()
                await send({"type": "websocket.send", "text": entry.payload.decode()})
            client.sending_since = None
    return PLAYED


def _patience(reason: Reason) -> float:
    return LAST_SECONDS if reason is STOPPED else GOODBYE_SECONDS


async def _until_left(receive: Callable[[], Any]) -> Reason:
    """Whatever a client says means nothing, but that it leaves."""
    while True:
        message = await receive()
        if message["type"] in ("http.disconnect", "websocket.disconnect"):
            return LEFT
