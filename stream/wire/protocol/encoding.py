"""Messages as bytes, JSON or MessagePack, and the topics that they are sent under."""

import re

import msgspec

from emotrack.stream.wire.protocol.messages import (
    FILLED_IN,
    NO_SPEAKER,
    SCHEMA,
    Emotion,
    Face,
    Message,
    Person,
    Speaker,
)
from emotrack.stream.wire.protocol.parts import Encoding

IDENTIFIER = re.compile("[A-Za-z0-9_-]{1,128}")
"""What names of sessions, feeds and speakers are made of."""


class BadMessage(ValueError):
    """Bytes that are not a message of `emotrack/1`; the text says what is wrong and where."""


_json_encoder = msgspec.json.Encoder()
_json_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_msgpack_encoder = msgspec.msgpack.Encoder()
_msgpack_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message, encoding: Encoding = "json") -> bytes:
    """The message as bytes."""
    return _json_encoder.encode(message) if encoding == "json" else _msgpack_encoder.encode(message)


def decode(payload: bytes) -> Message:
    """The message in `payload`, JSON or MessagePack (whose maps never open with a brace)."""
    decoder = _json_decoder if payload.lstrip()[:1] == b"{" else _msgpack_decoder
    try:
        message = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not a message of {SCHEMA}: {error}") from error
    for name in FILLED_IN:
        if not getattr(message, name, True):
            raise BadMessage(f"Not a message of {SCHEMA}: its {name} is missing.")
    try:
        topic(message)
    except ValueError as error:
        raise BadMessage(f"Not a message of {SCHEMA}: {error}") from error
    return message


def kind(message: Message) -> str:
    """The message's `type` on the wire."""
    return str(message.__struct_config__.tag)


def topic(message: Message) -> str:
    """The full topic: `emotrack/1/<session>/<kind>/<speaker>/`."""
    match message:
        case Emotion():
            speaker = message.speaker.id
        case Speaker():
            speaker = message.speaker
        case Face() | Person():
            speaker = message.person
        case _:
            speaker = NO_SPEAKER
    return make_topic(message.session, kind(message), speaker)


def make_topic(session: str, kind: str, speaker: str = NO_SPEAKER) -> str:
    """The full topic of these parts; a `ValueError` where one of them could not stand in a topic."""
    for name, part in (("session", session), ("speaker", speaker)):
        if not IDENTIFIER.fullmatch(part):
            raise ValueError(
                f"The {name} id {part!r} holds other characters than letters, digits, '_' and '-'."
            )
    return f"{SCHEMA}/{session}/{kind}/{speaker}/"
