"""The wire messages of `emotrack/1`: one tagged union, its topics, and its JSON and MessagePack forms.

A message is built without its envelope (`session`, `seq`, `topic_seq`, `published_unix_ns`), which `outbox.Outbox.emit`
fills in. Times are seconds of session time unless the name says otherwise. Unknown fields are ignored on reading, so
that a later `emotrack/1` may add some; a missing field or a wrong type is a `BadMessage`.
"""

import re
from typing import Annotated, Literal, Union, get_args

import msgspec

SCHEMA = "emotrack/1"
KINDS = ("session", "emotion", "feed", "speaker", "heartbeat", "error")
NO_SPEAKER = "-"

Encoding = Literal["json", "msgpack"]
Identifier = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]+$")]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
_IDENTIFIER = re.compile("[A-Za-z0-9_-]+")


class BadMessage(ValueError):
    """Bytes that are not a message of `emotrack/1`; the text says what is wrong and where."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A value inside a message."""


class Vocabulary(Part, frozen=True, kw_only=True):
    """The labels in use: the set's name, the address that defines it, its members in the network's order."""

    name: str
    uri: str
    labels: tuple[str, ...]


class ModelInfo(Part, frozen=True, kw_only=True):
    """The bundle of weights that makes the labels; `hash` is the SHA-256 of its files."""

    id: str
    hash: str


class SkippedBackend(Part, frozen=True, kw_only=True):
    """A backend that was not used, and why."""

    backend: str
    reason: str


class EngineInfo(Part, frozen=True, kw_only=True):
    """What computes one part of the tracker; `model` and `backend` are null where nothing does: `skipped` says why."""

    part: str
    model: str | None
    backend: str | None
    skipped: tuple[SkippedBackend, ...] = ()


class FeedInfo(Part, frozen=True, kw_only=True):
    """One source of the session; `description` is what the user wrote, credentials removed."""

    source: Identifier
    description: str


class SpeakerRef(Part, frozen=True, kw_only=True):
    """Who is speaking: the id, how sure the tracker is of it, and the face track (null when no face is theirs)."""

    id: Identifier
    confidence: Probability | None
    face: int | None


class ModalityState(Part, frozen=True, kw_only=True):
    """One modality in one label: present, or imputed from the others, or neither; its fusion weight; why absent."""

    present: bool
    imputed: bool
    weight: Probability
    reason: str | None


class TranscriptInfo(Part, frozen=True, kw_only=True):
    """What was said; `asr` names the recogniser."""

    text: str
    language: str | None
    asr: str
    confidence: Probability | None


class Timing(Part, frozen=True, kw_only=True):
    """Milliseconds spent on each step of a label, null where a step was not taken."""

    endpoint: float | None = None
    """From the last speech to the endpoint: the hangover."""
    transcribe: float | None = None
    encode: float | None = None
    head: float | None = None
    publish: float | None = None
    total: float | None = None
    """From the endpoint to the message being handed over for sending."""


class TopicPosition(Part, frozen=True, kw_only=True):
    """The last message of a topic."""

    seq: Count
    topic_seq: Count


class Envelope(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The fields that every message has."""

    schema: Literal["emotrack/1"] = "emotrack/1"
    session: str = ""
    seq: int = 0
    """Position among all messages of the session, counted from 1."""
    topic_seq: int = 0
    """Position within the message's full topic, gapless, counted from 1."""
    published_unix_ns: int = 0


class Session(Envelope, frozen=True, kw_only=True, tag="session"):
    """A session starts or ends."""

    state: Literal["started", "ended"]
    reason: str | None
    """Why the session ended; null when it started."""
    start_unix_ns: int
    """Session time 0 in Unix nanoseconds."""
    encoding: Encoding
    vocabulary: Vocabulary
    model: ModelInfo
    engines: tuple[EngineInfo, ...]
    feeds: tuple[FeedInfo, ...]


class Emotion(Envelope, frozen=True, kw_only=True, tag="emotion"):
    """The label of one utterance: while it lasts (partial), at its end (final), or changed by later ones (revised)."""

    source: Identifier
    utterance: Count
    """Number of the utterance within the session."""
    revision: Count
    """0 for the first label of this utterance, one more for each later one."""
    state: Literal["partial", "final", "revised"]
    speaker: SpeakerRef
    start: float
    end: float
    label: str
    confidence: Probability
    scores: dict[str, Probability]
    valence: float | None
    arousal: float | None
    modalities: dict[str, ModalityState]
    """By modality: text, audio, face, body."""
    transcript: TranscriptInfo | None
    timing_ms: Timing


class Feed(Envelope, frozen=True, kw_only=True, tag="feed"):
    """A feed, or one medium of it, goes up, down, or works worse than it should."""

    source: Identifier
    medium: Literal["audio", "video"] | None
    """Null when the whole feed is meant."""
    state: Literal["up", "down", "degraded"]
    reason: str | None
    time: float


class Speaker(Envelope, frozen=True, kw_only=True, tag="speaker"):
    """A speaker is new, or turns out to be one already known: `speaker` is from now on `alias_of`."""

    event: Literal["new", "alias"]
    speaker: Identifier
    alias_of: Identifier | None
    confidence: Probability | None
    time: float


class Heartbeat(Envelope, frozen=True, kw_only=True, tag="heartbeat"):
    """Every second: how far behind the tracker is, what it sheds, where each topic stands (it shows lost tails)."""

    time: float
    lag: float
    """Seconds between the newest media read and now."""
    queues: dict[str, Count]
    """Depth of each queue."""
    dropped: dict[str, Count]
    """Items dropped since the session began, by queue."""
    shed: dict[str, Count]
    """Work left out since the session began, by kind."""
    shedding: tuple[str, ...] = ()
    """Kinds of work left out at this moment."""
    topics: dict[str, TopicPosition] = {}
    """The last message of each recently used topic; filled in by the outbox."""
    snapshot_endpoint: str | None = None
    """Where the ROUTER socket answers; filled in by the outbox."""


class Error(Envelope, frozen=True, kw_only=True, tag="error"):
    """Something failed: what, in one sentence, and whether tracking goes on."""

    message: str
    continues: bool
    source: Identifier | None
    time: float


Message = Union[Session, Emotion, Feed, Speaker, Heartbeat, Error]  # noqa: UP007 - a runtime value of the decoders
ENVELOPE_FIELDS = Envelope.__struct_fields__

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
    if message.seq < 1 or message.topic_seq < 1:
        raise BadMessage(f"Not a message of {SCHEMA}: its seq or topic_seq is missing.")
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
        case _:
            speaker = NO_SPEAKER
    return make_topic(message.session, kind(message), speaker)


def make_topic(session: str, kind: str, speaker: str = NO_SPEAKER) -> str:
    """The full topic of these parts; a `ValueError` where one of them could not stand in a topic."""
    for name, part in (("session", session), ("speaker", speaker)):
        if not _IDENTIFIER.fullmatch(part):
            raise ValueError(f"The {name} id {part!r} holds other characters than letters, digits, '_' and '-'.")
    return f"{SCHEMA}/{session}/{kind}/{speaker}/"


assert {message.__struct_config__.tag for message in get_args(Message)} == set(KINDS)
