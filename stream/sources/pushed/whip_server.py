"""The door that WebRTC publishers knock at (WHIP, RFC 9725): one HTTP listener a port, with a path for each
feed.

POST an SDP offer to a path and be answered with 201, an SDP answer and the address of what has begun; DELETE
that to leave. Imported where somebody may publish only: it needs starlette and uvicorn, which the dashboard
uses as well.
"""

import asyncio
import contextlib
import secrets
import socket
import threading
import time
from collections import deque
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emotrack.stream.sources.pushed.inbox import Inbox
from emotrack.stream.sources.pushed.publisher import OfferRefused, Publisher

LARGEST_OFFER = 64 << 10
"""Bytes of an offer; a browser's with all its codecs and candidates has some 10,000."""
READING = 5.0
"""Seconds in which an offer must have come."""
OFFERS, WITHIN = 20, 10.0
"""Offers that are looked at within so many seconds."""
AWAITED = 16
"""Publishers who were answered and have not connected yet, at a time."""
CONNECTIONS = 64
"""Connections of HTTP at a time."""
CLOSING = 1.5
"""Seconds in which publishers are told that it is over."""
SDP = "application/sdp"


class Refused(Exception):
    """A request that gets another answer than it asked for."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        self.response = Response(f"{why}\n", status, headers, media_type="text/plain")


class WhipServer:
    """A listener on a thread of its own, until `close`."""

    def __init__(self, listening: socket.socket, token: str | None) -> None:
        """`token`: what publishers have to show; without one only those on this machine are let in."""
        self._socket = listening
        self._token = token
        self._inboxes: dict[str, Inbox] = {}
        self._answered: dict[Publisher, str] = {}
        """Those who were answered, and where; they may have come or not."""
        self._present: dict[str, Publisher] = {}
        """Those who have come, of whom each room has one."""
        self._offers: deque[float] = deque(maxlen=OFFERS)
        self._loop: asyncio.AbstractEventLoop | None = None
        app = Starlette(
            routes=[
                Route("/{room}", self._publish, methods=["POST", "OPTIONS"]),
                Route("/{room}/{publisher}", self._leave, methods=["DELETE", "OPTIONS"]),
            ],
            exception_handlers={Refused: lambda _, refused: refused.response},
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="whip", daemon=True)
        self._thread.start()

    def admit(self, room: str, inbox: Inbox) -> None:
        """Let somebody publish into `inbox` at this path."""
        self._inboxes[room] = inbox

    def dismiss(self, room: str) -> None:
        """Let nobody publish there any more; whoever does is told to leave."""
        self._inboxes.pop(room, None)
        if (publisher := self._present.get(room)) is not None and self._loop is not None:
            asyncio.run_coroutine_threadsafe(publisher.end("nobody listens any more"), self._loop)

    def close(self) -> None:
        """Send everybody away, and release the port."""
        self._server.should_exit = True
        self._thread.join(2 * CLOSING)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(
            lambda *_: None
        )  # aiortc's tasks die of strangers' offers, at length
        with self._socket:
            await self._server.serve(sockets=[self._socket])
            leaving = [publisher.end("the session has ended") for publisher in list(self._answered)]
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.gather(*leaving), CLOSING)

    async def _publish(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Accept-Post": SDP, **self._shared("POST")})
        self._admitted(request)
        room = request.path_params["room"]
        inbox = self._inboxes.get(room)
        if inbox is None:
            raise Refused(404, "Nobody is awaited here.")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
            raise Refused(415, f"Send an SDP offer as {SDP}.", **{"Accept-Post": SDP})
        now = time.monotonic()
        if len(self._offers) == OFFERS and now - self._offers[0] < WITHIN:
            raise Refused(429, "Too many offers; try again later.", **{"Retry-After": f"{WITHIN:.0f}"})
        self._offers.append(now)
        offer = await _body(request)
        if len(self._answered) - len(self._present) >= AWAITED:
            raise Refused(503, "Others are connecting; try again later.", **{"Retry-After": "1"})
        publisher = Publisher(inbox, came=self._welcome, over=self._forget)
        self._answered[publisher] = room
        try:
            answer = await publisher.answer(offer)
        except OfferRefused as refused:
            self._forget(publisher)
            why = str(refused)
            raise Refused(400, f"{why[0].upper()}{why[1:]}.") from None
        headers = {"Location": f"/{room}/{publisher.name}", **self._shared("POST")}
        return Response(answer, 201, headers, media_type=SDP)

    async def _leave(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._shared("DELETE"))
        self._admitted(request)
        wanted = (request.path_params["room"], request.path_params["publisher"])
        for publisher, room in self._answered.items():
            if (room, publisher.name) == wanted:
                await publisher.end("left")
                return Response(status_code=200, headers=self._shared("DELETE"))
        raise Refused(404, "Nobody publishes under this address.")

    async def _welcome(self, publisher: Publisher) -> None:
        """Whoever comes takes the place of who is there: who has lost their network comes back before anybody
        has noticed that they are gone."""
        room = self._answered.get(publisher)
        if room is not None:
            before, self._present[room] = self._present.get(room), publisher
            if before is not None:
                await before.end("another publisher has taken its place")

    def _forget(self, publisher: Publisher) -> None:
        room = self._answered.pop(publisher, None)
        if room is not None and self._present.get(room) is publisher:
            del self._present[room]

    def _admitted(self, request: Request) -> None:
        """Raises `Refused` where the token is not shown or, without one, the page of a stranger asks: that a
        name leads to this machine does not make its pages ours."""
        if self._token is None:
            if not is_local(request.headers.get("host", "")):
                raise Refused(403, "Without a token this is for addresses of this machine only.")
            return
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(shown.encode(), self._token.encode()):
            raise Refused(401, "Show the token.", **{"WWW-Authenticate": "Bearer", **self._shared("POST")})

    def _shared(self, method: str) -> dict[str, str]:
        """Headers that let pages of other origins publish, where they have to know the token for it."""
        if self._token is None:
            return {}
        return {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": method,
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Expose-Headers": "Location",
        }


def is_local(host: str) -> bool:
    """Whether the host of an address, with or without a port, is this machine and nothing else."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    try:
        return name.lower() == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


async def _body(request: Request) -> str:
    """What was sent, in time and not too much of it; raises `Refused`."""
    body = bytearray()

    async def read() -> None:
        async for part in request.stream():
            body.extend(part)
            if len(body) > LARGEST_OFFER:
                raise Refused(413, f"An offer has at most {LARGEST_OFFER} bytes.")

    try:
        await asyncio.wait_for(read(), READING)
        return body.decode("utf-8")
    except asyncio.TimeoutError:
        raise Refused(408, "The offer did not come in time.") from None
    except UnicodeDecodeError:
        raise Refused(400, "This is no SDP offer.") from None
