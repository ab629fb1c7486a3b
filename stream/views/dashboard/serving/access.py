"""Who is let in: this machine, or who has the token; no page of somebody else's, and nothing that writes.

A browser runs pages from anywhere, and lets them ask this address too. They may not read the answer, unless
the name of their own server leads here all of a sudden (DNS rebinding), so on loopback only loopback's own
names are answered; a WebSocket anybody may open, so its `Origin` is looked at.
"""

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emotrack.errors import first_line
from emotrack.notify import notify, plain
from emotrack.stream.views.dashboard.serving.asked import refusal

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PUBLIC = "/"
"""The page, where the token comes in the address and is kept as a cookie."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NO_TOKEN = "This needs the token in the address that `emotrack dashboard` wrote where it was started."


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_urlsafe(32)


class Access:
    """What stands before everything else."""

    def __init__(self, app: ASGIApp, *, token: str | None, port: int, host: str = "127.0.0.1") -> None:
        """`token`: what everybody has to show; None where only this machine reaches us, at `host`."""
        self._app = app
        self._token = token
        self._names = LOOPBACK | {host.strip("[]").lower()}
        self._cookie = f"emotrack-{port}"  # cookies know no ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it in one sentence."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        given = self._token if self._token is None else self._shown(connection)
        refused = self._refused(connection, scope, given)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if self._token is not None and refused is None and scope["path"] == PUBLIC:
                    cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    headers.append("Set-Cookie", cookie)
            await send(message)

        try:
            await (refused or self._app)(scope, receive, sent)
        except Exception as error:
            if not isinstance(error, OSError):  # which is a client who has left
                path, why = plain(scope["path"]), plain(first_line(error))
                notify(f"{path} could not be answered ({type(error).__name__}: {why}).")
            raise

    def _refused(self, connection: HTTPConnection, scope: Scope, given: str | None) -> Response | None:
        host = connection.headers.get("host", "")
        if scope["type"] == "http" and scope["method"] != "GET":
            answer = refusal(405, "There is nothing to change here: only GET is answered.")
            answer.headers["Allow"] = "GET"
            return answer
        if self._token is None and _name_of(host) not in self._names:
            return refusal(403, "This is answered under the names of this machine's loopback only.")
        origin = connection.headers.get("origin")
        if origin is not None and _place_of(origin) != host.lower():
            return refusal(403, "Pages of other servers may not ask here.")
        asking = connection.headers.get("sec-fetch-site")
        if scope["path"] != PUBLIC and asking in ("cross-site", "same-site"):
            return refusal(403, "Pages of other servers may not ask here.")
        if self._token is None or (given and hmac.compare_digest(given.encode(), self._token.encode())):
            return None
        if scope["path"] == PUBLIC:
            return PlainTextResponse(f"{NO_TOKEN}\n", 401)
        answer = refusal(401, NO_TOKEN)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def _shown(self, connection: HTTPConnection) -> str | None:
        scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return credentials.strip()
        return connection.query_params.get("token") or connection.cookies.get(self._cookie)


def _place_of(origin: str) -> str:
    """The name and port in an `Origin` header, as `Host` has them."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name_of(host: str) -> str:
    """The name in a `Host` header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
