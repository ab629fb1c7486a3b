"""An alert posted as JSON to a web address, tried again where that may help; TLS is verified."""

import base64
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit

from emotrack.errors import UserError, first_line
from emotrack.notify import plain, shorten
from emotrack.stream.views.alerts.actions import Action, as_json
from emotrack.stream.views.alerts.holding import Alert
from emotrack.stream.wire.bridges.destination import check_unencrypted
from emotrack.stream.wire.protocol.endpoints import Address

TRIES = 4
FIRST_PAUSE = 0.5
"""Seconds before the second try; each pause is twice the last."""
SECONDS = 10.0
"""How long an answer may take."""
_LATER = {408, 425, 429}
"""What servers say when another try may help; 5xx too."""


def webhook(url: str, *, insecure: bool = False) -> Action:
    """Post each alert to `url`; raises `UserError` where that is no web address, or one on another machine by
    `http` without `insecure`.

    A user and a password in it are sent as HTTP has it (Basic), and never shown, nor is a query.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UserError(f"--webhook needs a web address ({first_line(error)}).") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError("--webhook needs a web address: write https://HOST/PATH.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None else f"{host}:{port}"
    name = plain(shorten(f"{parts.scheme}://{place}{parts.path}", 200))
    local = parts.scheme == "https" or Address("tcp", parts.hostname, 0).is_local
    check_unencrypted(name, local=local, insecure=insecure, remedy="write https://")
    target = parts._replace(netloc=place, fragment="").geturl()
    headers = {"Content-Type": "application/json", "User-Agent": "emotrack"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def post(alert: Alert) -> str | None:
        return _post(target, headers, as_json(alert), name)

    return post


def _post(target: str, headers: dict[str, str], body: bytes, name: str) -> str | None:
    """Deliver it; a sentence where that is not possible."""
    opener = urllib.request.build_opener(_NoRedirect)
    pause, why = FIRST_PAUSE, ""
    for number in range(TRIES):
        if number:
            time.sleep(pause)
            pause *= 2
        request = urllib.request.Request(target, body, headers, method="POST")
        try:
            with opener.open(request, timeout=SECONDS):
                return None
        except urllib.error.HTTPError as error:
            error.close()
            why = f"HTTP {error.code}"
            if error.code < 500 and error.code not in _LATER:
                break
        except (OSError, HTTPException, ValueError) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            why = first_line(cause) if isinstance(cause, BaseException) else str(cause)
    return f"An alert could not be posted to {name} ({why})."


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An alert goes where it was told to go: a server that names another place is told of as an error."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""
