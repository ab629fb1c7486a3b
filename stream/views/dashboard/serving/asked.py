"""What a request asks for, read from its query, and how it is refused in one sentence."""

import math

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from emotrack.stream.views.dashboard.clients import Position
from emotrack.stream.views.dashboard.views import View
from emotrack.stream.wire.protocol.encoding import IDENTIFIER
from emotrack.stream.wire.protocol.messages import KINDS

MOST_MESSAGES = 1_000
"""In one page of history."""
LARGEST_SEQ = 2**63 - 1
SPEEDS = (0.01, 1_000.0)
"""The slowest and the fastest replay."""


class Refused(Exception):
    """A request that cannot be answered as it is; the text says why in one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def answer(body: object, status: int = 200) -> Response:
    """Something as JSON."""
    return Response(
        msgspec.json.encode(body),
        status,
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


def refusal(status: int, sentence: str) -> Response:
    """A refusal as every program gets it."""
    return answer({"error": sentence}, status)


def kinds_of(connection: HTTPConnection) -> frozenset[str]:
    """`kind`, which may be repeated; none is all."""
    kinds = frozenset(connection.query_params.getlist("kind"))
    if unknown := kinds - set(KINDS):
        raise Refused(400, f"{min(unknown)[:50]!r} is no kind of message: choose among {', '.join(KINDS)}.")
    return kinds


def number(connection: HTTPConnection, name: str, least: float, most: float) -> float | None:
    """A parameter that is a number of seconds or times; None where it is not given."""
    if (text := connection.query_params.get(name)) is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise Refused(400, f"{name} is a number from {least:g} to {most:g}, not {text[:50]!r}.")
    return value


def whole_number(connection: HTTPConnection, name: str, default: int, least: int, most: int) -> int:
    """A parameter that is a whole number."""
    text = connection.query_params.get(name)
    return default if text is None else whole(name, text, least, most)


def whole(name: str, text: str, least: int, most: int) -> int:
    """A whole number from what somebody wrote."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most):
        raise Refused(400, f"{name} is a whole number from {least} to {most}, not {text[:50]!r}.")
    return int(text)


def asked_position(connection: HTTPConnection) -> Position | None:
    """Where to go on: the header `Last-Event-ID`, else `after`, both `session:seq` or `seq`."""
    text = connection.headers.get("last-event-id") or connection.query_params.get("after")
    if not text:
        return None
    session, colon, seq = text.rpartition(":")
    if colon and not IDENTIFIER.fullmatch(session):
        raise Refused(400, f"after is SEQ or SESSION:SEQ, not {text[:50]!r}.")
    return Position(session or None, whole("after", seq, 0, LARGEST_SEQ))


def asked_replay(connection: HTTPConnection, view: View) -> tuple[float, float] | None:
    """From which session time, and how fast, a recording is to be played; None where it is not."""
    begin, speed = number(connection, "from", 0, 1e11), number(connection, "speed", *SPEEDS)
    if begin is None and speed is None:
        return None
    if view.kind == "live":
        raise Refused(400, "A session that runs is not replayed: leave out from and speed.")
    return begin or 0.0, speed or 1.0
