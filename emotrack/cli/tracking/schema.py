"""`emotrack schema`: the messages for other languages."""

from __future__ import annotations

import json
import sys


def schema() -> None:
    """Print the JSON Schema of all messages."""
    from emotrack.stream.wire.protocol.schema import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
