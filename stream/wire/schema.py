"""The JSON Schema of `emotrack/1`, made from the message types themselves."""

from typing import Any

import msgspec

from emotrack.stream.messages import ENVELOPE_FIELDS, KINDS, SCHEMA, Message


def json_schema() -> dict[str, Any]:
    """One JSON Schema (2020-12) of every message; each type is under `$defs`."""
    (union,), components = msgspec.json.schema_components([Message], ref_template="#/$defs/{name}")
    for kind in KINDS:
        component = components[kind.capitalize()]
        # The envelope has defaults in Python only, for a message that is not sent yet.
        component["required"] = ["type", *ENVELOPE_FIELDS, *(f for f in component["required"] if f != "type")]
        for field in ENVELOPE_FIELDS:
            component["properties"][field].pop("default", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **union, "$defs": components}
