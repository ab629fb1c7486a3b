"""`emotrack schema`: the messages for other languages."""

import json
import sys

from emotrack.stream.wire.schema import json_schema


def schema_command() -> None:
    """JSON Schema on stdout."""
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
