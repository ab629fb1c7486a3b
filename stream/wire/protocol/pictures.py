"""What the ROUTER socket is asked for a picture, and says, where the tracker may show any.

A request is one JSON object, `{"request": "picture", "source": NAME}`. The answer is what is there at once:
the first may say that there is none yet, for nothing is made ready before somebody asks.
"""

from typing import Annotated

import msgspec

from emotrack.stream.wire.protocol.messages import SCHEMA
from emotrack.stream.wire.protocol.parts import Count, Identifier, Seconds

LARGEST_PICTURE = 4 << 20
"""Bytes of JPEG."""
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What both encodings can carry."""


class PictureRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="picture"):
    """What a client asks."""

    id: Integer = 0
    """Repeated in the reply."""
    source: Identifier
    """The feed whose picture is wanted."""


class PictureReply(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="picture"):
    """The newest picture of a feed that was looked at."""

    schema: str = SCHEMA
    id: int
    source: Identifier
    """The feed."""
    time: Seconds | None
    """Session time at which it was captured; null where there is none."""
    width: Count
    height: Count
    """Pixels of the JPEG, which may be smaller than the picture: boxes of faces are in parts of both."""
    jpeg: Annotated[bytes, msgspec.Meta(max_length=LARGEST_PICTURE)]
    """Empty where there is none; in JSON in base64."""
