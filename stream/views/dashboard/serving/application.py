"""What is answered at which address; the answers are described where they are made into OpenAPI."""

from importlib.metadata import version
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from emotrack.stream.views.dashboard.clients import Clients
from emotrack.stream.views.dashboard.explanations import Explanations, NoExplanation
from emotrack.stream.views.dashboard.history import PAGE
from emotrack.stream.views.dashboard.pictures import NoPicture, Pictures
from emotrack.stream.views.dashboard.serving.answers import Health, Messages, StateAt, Status
from emotrack.stream.views.dashboard.serving.asked import (
    LARGEST_SEQ,
    MOST_MESSAGES,
    Refused,
    answer,
    kinds_of,
    number,
    refusal,
    whole,
    whole_number,
)
from emotrack.stream.views.dashboard.serving.description import API, openapi
from emotrack.stream.views.dashboard.serving.streams import Events, opening, serve_socket
from emotrack.stream.views.dashboard.state import Entry
from emotrack.stream.views.dashboard.views import Recorded, View

FILES = Path(__file__).parents[1] / "page"


class Api:
    """The answers about one view."""

    def __init__(
        self, view: View, clients: Clients, explanations: Explanations, pictures: Pictures | None
    ) -> None:
        """`pictures`: None of a recording, which has none."""
        self._view, self._clients, self._explanations = view, clients, explanations
        self._pictures = pictures

    def routes(self) -> list[Route | WebSocketRoute]:
        """Where they are."""
        return [
            Route("/health", self.health),
            Route("/openapi.json", self.openapi),
            Route(f"{API}/status", self.status),
            Route(f"{API}/state", self.state),
            Route(f"{API}/messages", self.messages),
            Route(f"{API}/events", self.events),
            Route(f"{API}/explanation/{{utterance}}", self.explanation),
            Route(f"{API}/picture/{{source}}", self.picture),
            WebSocketRoute(f"{API}/stream", self.stream),
        ]

    async def health(self, _: Request) -> Response:
        """Whether the server lives."""
        return answer(Health(ok=True))

    async def openapi(self, _: Request) -> Response:
        """What is served, for programs."""
        return answer(msgspec.Raw(openapi(version("emotrack"))))

    async def status(self, _: Request) -> Response:
        """What is shown, and whether its tracker is there."""
        view, history = self._view, self._view.history
        return answer(
            Status(
                kind=view.kind,
                source=view.source,
                connected=view.connected,
                session=history.session,
                start=history.start,
                end=history.end,
                start_unix_ns=history.start_unix_ns,
                explanations=view.evidence is not None and view.evidence.is_dir(),
            )
        )

    async def state(self, request: Request) -> Response:
        """What holds."""
        view, at = self._view, number(request, "at", 0, 1e11)
        if at is None:
            return answer(StateAt(at=view.history.end or 0.0, messages=_raw(view.history.state.entries())))
        if not isinstance(view, Recorded):
            raise Refused(400, "Of a session that runs only what holds now is known: leave out at.")
        return answer(StateAt(at=at, messages=_raw(view.state_at(at).entries())))

    async def messages(self, request: Request) -> Response:
        """A page of what was."""
        after = whole_number(request, "after", 0, 0, LARGEST_SEQ)
        limit = whole_number(request, "limit", PAGE, 1, MOST_MESSAGES)
        page = self._view.history.page(after, kinds_of(request), limit)
        return answer(Messages(messages=_raw(page.entries), next=page.reached if page.more else None))

    async def events(self, request: Request) -> Response:
        """All that comes, as server-sent events."""
        return Events(opening(self._view, request), self._clients, lambda: self._view.history.session)

    async def stream(self, websocket: WebSocket) -> None:
        """All that comes, over a WebSocket."""
        try:
            opened = opening(self._view, websocket)
        except Refused as error:
            await websocket.send_denial_response(refusal(error.status, str(error)))
        else:
            await serve_socket(websocket, opened, self._clients)

    async def explanation(self, request: Request) -> Response:
        """Why an utterance has its label."""
        utterance = whole("utterance", request.path_params["utterance"], 0, LARGEST_SEQ)
        try:
            explained = await self._explanations.of(utterance)
        except NoExplanation as error:
            raise Refused(error.status, str(error)) from error
        return answer(msgspec.Raw(explained))

    async def picture(self, request: Request) -> Response:
        """What a camera sees."""
        if self._pictures is None:
            raise Refused(404, "A recording is shown without pictures.")
        try:
            jpeg = await self._pictures.of(request.path_params["source"])
        except NoPicture as error:
            raise Refused(404, str(error)) from error
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def page(_: Request) -> Response:
    """The page itself."""
    return FileResponse(FILES / "index.html", headers={"Cache-Control": "no-cache"})


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error.status, str(error))


async def _refuse_address(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return refusal(404, "There is nothing at this address: /openapi.json says what there is.")
    return refusal(error.status_code, f"{error.detail.rstrip('.')}.")


async def _fail(_: Request, __: Exception) -> Response:
    return refusal(500, "The dashboard failed at this; where it was started it says at what.")


def application(api: Api) -> Starlette:
    """Everything that is served."""
    app = Starlette(
        routes=[Route("/", page), *api.routes(), Mount("/page", StaticFiles(directory=FILES))],
        exception_handlers={Refused: _refuse, HTTPException: _refuse_address, Exception: _fail},
    )
    app.router.redirect_slashes = False  # to where a request says that it is
    return app


def _raw(entries: list[Entry]) -> list[msgspec.Raw]:
    return [msgspec.Raw(entry.payload) for entry in entries]
