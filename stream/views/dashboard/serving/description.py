"""What is served, as OpenAPI 3.1: the messages' own schemas, the answers' docstrings, and each address."""

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from emotrack.stream.views.dashboard.serving import answers
from emotrack.stream.views.dashboard.serving.answers import (
    Answer,
    Failure,
    Health,
    Messages,
    StateAt,
    Status,
)
from emotrack.stream.views.dashboard.serving.asked import LARGEST_SEQ, MOST_MESSAGES, SPEEDS
from emotrack.stream.wire.protocol.messages import KINDS
from emotrack.stream.wire.protocol.schema import json_schema

API = "/api/v1"
ANSWERS: tuple[type[Answer], ...] = (Health, Status, StateAt, Messages, Failure)
_SCHEMAS = "#/components/schemas/"
_POSITION = r"^([A-Za-z0-9_-]{1,128}:)?\d{1,19}$"

_KIND = {
    "name": "kind",
    "in": "query",
    "description": "Messages of this kind; may be repeated. All where it is left out.",
    "schema": {"type": "array", "items": {"type": "string", "enum": list(KINDS)}},
}
_AFTER = {
    "name": "after",
    "in": "query",
    "description": "`SESSION:SEQ`, or `SEQ` of the session that runs: everything after that message, where "
    "it is still kept. Otherwise what holds comes first.",
    "schema": {"type": "string", "pattern": _POSITION},
}
_FROM = {
    "name": "from",
    "in": "query",
    "description": "Of a recording: play it from this session time on, in seconds.",
    "schema": {"type": "number", "minimum": 0, "maximum": 1e11},
}
_SPEED = {
    "name": "speed",
    "in": "query",
    "description": "Of a recording: play it so many times as fast as it was.",
    "schema": {"type": "number", "minimum": SPEEDS[0], "maximum": SPEEDS[1]},
}
_LAST = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "As `after`; browsers send it by themselves when they come back.",
    "schema": {"type": "string", "pattern": _POSITION},
}


@cache
def openapi(version: str) -> bytes:
    """The document as JSON; `version` is that of emotrack."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "emotrack",
                "version": version,
                "description": "Who feels what in a conversation, while it goes on or as it was recorded. "
                "The messages are those of the protocol `emotrack/1`.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": _paths(),
            "components": {
                "schemas": _schemas(),
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "The token in the address that `emotrack dashboard` wrote, where "
                        "it is served to other machines.",
                    }
                },
            },
            "security": [{}, {"token": []}],
        }
    )


def _paths() -> dict[str, Any]:
    utterance = _in_path("utterance", {"type": "integer", "minimum": 0, "maximum": LARGEST_SEQ})
    return {
        "/health": _get("health", "Whether the server lives.", _json("Health")),
        f"{API}/status": _get("status", "What is shown, and whether its tracker is there.", _json("Status")),
        f"{API}/state": _get(
            "state",
            "What holds now, or in a recording at a moment.",
            _json("StateAt"),
            {
                "name": "at",
                "in": "query",
                "description": "Of a recording: session time in seconds.",
                "schema": {"type": "number", "minimum": 0, "maximum": 1e11},
            },
        ),
        f"{API}/messages": _get(
            "messages",
            "What was, a page at a time.",
            _json("Messages"),
            _whole("after", "The messages after this `seq`.", 0, LARGEST_SEQ, 0),
            _whole("limit", "So many at most.", 1, MOST_MESSAGES, 500),
            _KIND,
        ),
        f"{API}/events": _get(
            "events",
            "Server-sent events: what holds, then each message as it comes. The `id` of each is "
            "`SESSION:SEQ`, its data a message; the last, `end`, says why no more come.",
            {"text/event-stream": {"schema": {"type": "string"}}},
            *(_KIND, _AFTER, _FROM, _SPEED, _LAST),
        ),
        f"{API}/stream": _socket(
            "The same over a WebSocket, one message in each text frame; a client says nothing. It is closed "
            "with 1000 where a recording ends, 1001 where the dashboard stops, 1013 where too many follow "
            "already, and 4008 where the client takes messages more slowly than they come.",
            *(_KIND, _AFTER, _FROM, _SPEED),
        ),
        f"{API}/explanation/{{utterance}}": _get(
            "explanation",
            "What each word, sound and face did for a label, as `emotrack explain --json -` writes it; takes "
            "seconds the first time.",
            {"application/json": {"schema": {"type": "object"}}},
            utterance,
        ),
        f"{API}/picture/{{source}}": _get(
            "picture",
            "What a camera sees, where that may be shown.",
            {"image/jpeg": {}},
            _in_path("source", {"type": "string"}),
        ),
    }


def _get(name: str, summary: str, content: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    answered = {"200": {"description": "The answer.", "content": content}}
    return {"get": _operation(name, summary, answered, parameters)}


def _socket(summary: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    upgrade = {
        "101": {"description": "The WebSocket is open."},
        "404": {"description": "This was no request for a WebSocket.", "content": _json("Failure")},
    }
    return {"get": _operation("stream", summary, upgrade, parameters)}


def _operation(
    name: str, summary: str, answered: dict[str, Any], parameters: tuple[dict[str, Any], ...]
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            **answered,
            "default": {"description": "Why there is none.", "content": _json("Failure")},
        },
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{schema}"}}}


def _whole(name: str, description: str, least: int, most: int, default: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _in_path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _schemas() -> dict[str, Any]:
    messages = json_schema()
    components = messages.pop("$defs")
    union = {name: messages[name] for name in ("title", "anyOf", "discriminator")}
    _, own = msgspec.json.schema_components(ANSWERS, ref_template=f"{_SCHEMAS}{{name}}")
    for name, text in _docstrings().items():
        kind, field = name
        own[kind]["properties"][field]["description"] = text
    for kind in ("StateAt", "Messages"):
        own[kind]["properties"]["messages"]["items"] = {"$ref": f"{_SCHEMAS}Message"}
    moved = _moved({**components, "Message": union})
    assert isinstance(moved, dict) and not set(moved) & set(own)
    return {**moved, **own}


def _moved(schema: object) -> object:
    """A schema whose references lead to where OpenAPI has its components."""
    if isinstance(schema, dict):
        return {name: _moved(inner) for name, inner in schema.items()}
    if isinstance(schema, list):
        return [_moved(inner) for inner in schema]
    return schema.replace("#/$defs/", _SCHEMAS) if isinstance(schema, str) else schema


def _docstrings() -> dict[tuple[str, str], str]:
    """The docstring of each field of an answer, by answer and field."""
    return {
        (node.name, field.target.id): inspect.cleandoc(text.value.value)
        for node in ast.parse(inspect.getsource(answers)).body
        if isinstance(node, ast.ClassDef)
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
