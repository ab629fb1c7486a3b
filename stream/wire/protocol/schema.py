"""The JSON Schema of `emotrack/1`, made from the message types themselves: their docstrings are its
descriptions."""

import ast
import inspect
from itertools import pairwise
from typing import Any

import msgspec

from emotrack.stream.wire.protocol import messages, parts
from emotrack.stream.wire.protocol.messages import FILLED_IN, KINDS, SCHEMA, Message


def json_schema() -> dict[str, Any]:
    """One JSON Schema (2020-12) of every message; each type is under `$defs`."""
    (union,), components = msgspec.json.schema_components([Message], ref_template="#/$defs/{name}")
    descriptions = field_descriptions()
    for name, component in components.items():
        for field, described in component["properties"].items():
            described["description"] = (
                descriptions[name, field] if field != "type" else "The kind of message."
            )
    for kind in KINDS:
        component = components[kind.capitalize()]
        sent = [field for field in FILLED_IN if field in component["properties"]]
        component["required"] = [
            "type",
            *sent,
            *(field for field in component["required"] if field not in ("type", *sent)),
        ]
        for field in sent:
            component["properties"][field].pop("default", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        **union,
        "$defs": components,
    }


def field_descriptions() -> dict[tuple[str, str], str]:
    """The docstring of each field of a message, by type and field; those of the envelope under every type."""
    own: dict[str, dict[str, str]] = {}
    for module in (parts, messages):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                own[node.name] = dict(_documented(node.body))
    return {
        (name, field): text
        for name, kind in {**vars(parts), **vars(messages)}.items()
        if name in own and issubclass(kind, msgspec.Struct)
        for base in reversed(kind.__mro__)
        for field, text in own.get(base.__name__, {}).items()
    }


def _documented(body: list[ast.stmt]) -> list[tuple[str, str]]:
    """Annotated names that a docstring follows, each with it."""
    return [
        (field.target.id, inspect.cleandoc(text.value.value))
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    ]
