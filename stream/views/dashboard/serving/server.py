"""Serving a dashboard until somebody stops it."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from ipaddress import ip_address

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from emotrack.errors import UserError, first_line
from emotrack.stream.views.dashboard.clients import CLIENTS, Clients
from emotrack.stream.views.dashboard.explanations import Explanations
from emotrack.stream.views.dashboard.pictures import Pictures
from emotrack.stream.views.dashboard.serving.access import Access, new_token
from emotrack.stream.views.dashboard.serving.application import Api, application
from emotrack.stream.views.dashboard.views import View

CONNECTIONS = 2 * CLIENTS
"""That are held at once; a request on one more is refused."""
LARGEST_HEAD = 16 << 10
"""Bytes of a request's first line and headers."""
LARGEST_FRAME = 1 << 10
"""Bytes; a client has nothing to say."""
SENT_BYTES = 256 << 10
"""That the system may keep for a connection whose client does not read."""
SILENT_MILLISECONDS = 30_000
"""After which the system gives up a connection whose client takes nothing."""
BACKLOG = 128
REQUEST_SECONDS = 5.0
"""That a client may take to say what it asks for."""


@dataclass(frozen=True)
class Place:
    """Where a dashboard is served."""

    listener: socket.socket
    host: str
    port: int
    token: str | None
    """What everybody has to show who comes from another machine; None where nobody can."""

    @property
    def url(self) -> str:
        """The address for a browser, with the token."""
        host = _reachable(self.host) if self.token is not None else self.host
        named = f"[{host}]" if ":" in host else host
        return f"http://{named}:{self.port}/" + (f"?token={self.token}" if self.token else "")


def bound(host: str, port: int) -> Place:
    """A place to serve at; raises `UserError` where there is none."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise UserError(f"{host}:{port} is no place to serve at ({first_line(error)}).") from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_MILLISECONDS)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(
            f"{host}:{port} cannot be served at ({os.strerror(error.errno or 0)}): another program may be "
            "there already; take another port, such as --port 0 for any that is free."
        ) from error
    here = str(listener.getsockname()[0])
    token = None if ip_address(here).is_loopback else new_token()
    return Place(listener, host, listener.getsockname()[1], token)


def serve(
    view: View,
    place: Place,
    following: AbstractAsyncContextManager[None],
    ready: Callable[[], None],
    pictures: Pictures | None = None,
) -> None:
    """Serve `view` at `place` until a signal comes, with `following` open meanwhile; `ready` is called when
    requests are answered. `pictures` are closed at the end."""
    asyncio.run(_serve(view, place, following, ready, pictures))


async def _serve(
    view: View,
    place: Place,
    following: AbstractAsyncContextManager[None],
    ready: Callable[[], None],
    pictures: Pictures | None,
) -> None:
    clients, explanations = Clients(), Explanations(lambda: view.evidence)
    app = application(Api(view, clients, explanations, pictures))
    guarded = Access(app, token=place.token, port=place.port, host=place.host)
    server = _Server(
        uvicorn.Config(
            guarded,
            loop="asyncio",
            http=_Connection,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            log_level="critical",  # what fails is told in one sentence by `Access`
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws_max_size=LARGEST_FRAME,
            ws_per_message_deflate=False,  # it would cost each client anew what is encoded once
            h11_max_incomplete_event_size=LARGEST_HEAD,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
    )

    def stop() -> None:
        clients.stop()
        explanations.stop()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with following:
        watching = asyncio.create_task(clients.watch(view.history))
        loop.call_soon(ready)
        try:
            await server.serve(sockets=[place.listener])
        finally:
            watching.cancel()
            await explanations.close()
            if pictures is not None:
                pictures.close()


class _Connection(H11Protocol):
    """A connection on which a request has to be whole in time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there: the first request is due."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._expect_request()

    def on_response_complete(self) -> None:
        """The next request is due, if there is to be one."""
        super().on_response_complete()
        self._expect_request()

    def _expect_request(self) -> None:
        self.loop.call_later(REQUEST_SECONDS, self._give_up, self.cycle)

    def _give_up(self, last: object) -> None:
        if self.cycle is last and self.transport.get_protocol() is self:  # no request since, nor a WebSocket
            self.transport.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to us: uvicorn's own handler would raise them again at the end."""
        yield


def _reachable(host: str) -> str:
    """The address under which other machines reach us, where `host` means any of ours."""
    if not ip_address(host).is_unspecified if _is_address(host) else True:
        return host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("2001:db8::1" if ":" in host else "192.0.2.1", 9))  # which sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
