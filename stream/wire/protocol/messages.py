"""The wire messages of `emotrack/1`: one tagged union, its topics, and its JSON and MessagePack forms.

A message is built without its envelope (`session`, `seq`, `topic_seq`, `published_unix_ns`), a label without
`start_unix_ns`, a heartbeat also without `topics` and `snapshot_endpoint`: `outbox.Outbox.emit` fills them
in. Times are seconds of session time unless the name says otherwise. Unknown fields are ignored on reading,
so that a later `emotrack/1` may add some; a missing field, a wrong type, or a value out of all proportion (a
publisher need not be ours) is a `BadMessage`. The docstrings of the fields are their descriptions in the JSON
Schema.
"""

from typing import Annotated, Literal, TypeVar, Union, get_args

import msgspec
from msgspec import Meta

SCHEMA = "emotrack/1"
KINDS = ("session", "emotion", "feed", "speaker", "heartbeat", "error")
NO_SPEAKER = "-"

Encoding = Literal["json", "msgpack"]
Identifier = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+$", max_length=128)]
Name = Annotated[str, Meta(max_length=1_000)]
Text = Annotated[str, Meta(max_length=100_000)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Signed = Annotated[float, Meta(ge=-1, le=1)]
Seconds = Annotated[float, Meta(ge=-1e11, le=1e11)]
Milliseconds = Annotated[float, Meta(ge=-1e12, le=1e12)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Position = Annotated[int, Meta(ge=1, le=2**63 - 1)]
UnixNanoseconds = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Item = TypeVar("Item")
Several = Annotated[tuple[Item, ...], Meta(max_length=1_000)]
Named = Annotated[dict[Name, Item], Meta(max_length=1_000)]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A value inside a message."""


class Vocabulary(Part, frozen=True, kw_only=True):
    """The labels in use."""

    name: Name
    """What the set is called."""
    uri: Name
    """The address that defines it."""
    labels: Several[Name]
    """Its members, in the network's order."""


class ModelInfo(Part, frozen=True, kw_only=True):
    """The bundle of weights that makes the labels."""

    id: Name
    """The network's name."""
    hash: Name
    """SHA-256 of the bundle's files."""


class SkippedBackend(Part, frozen=True, kw_only=True):
    """A backend that was not used."""

    backend: Text
    """Its name; `any` where nothing computes the part."""
    reason: Text
    """Why it was not used."""


class EngineInfo(Part, frozen=True, kw_only=True):
    """What computes one part of the tracker."""

    part: Name
    """text, audio, face, body, network or transcription."""
    model: Text | None
    """The network in use; null where nothing computes this part."""
    backend: Text | None
    """What runs it; null where nothing does."""
    skipped: Several[SkippedBackend] = ()
    """What was not used, and why."""


class FeedInfo(Part, frozen=True, kw_only=True):
    """One source of the session."""

    source: Identifier
    """Its name in messages."""
    description: Text
    """What the user wrote, credentials removed."""


class SpeakerRef(Part, frozen=True, kw_only=True):
    """Who is speaking."""

    id: Identifier
    """The speaker's name in topics and messages."""
    confidence: Probability | None
    """How sure the tracker is of it; null where it cannot say."""
    face: Count | None
    """The face track that is theirs; null when none is."""


class ModalityState(Part, frozen=True, kw_only=True):
    """One modality in one label."""

    present: bool
    """Whether the label was made from it."""
    imputed: bool
    """Whether it is missing and the joint embedding stands in for it."""
    weight: Probability
    """Its share in the label, by how much the odds of the label would change without it: all sum to 1, or are
    0 when the label is a guess from the dialogue alone."""
    reason: Text | None
    """Why it is not present; null when it is."""
    usual: Count = 0
    """How many earlier utterances tell what is usual for this speaker, against which the label weighs it; 0
    where nothing does."""


class TranscriptInfo(Part, frozen=True, kw_only=True):
    """What was said."""

    text: Text
    """The words."""
    language: Name | None
    """Language code, such as en; null where the recogniser does not tell."""
    asr: Name
    """The recogniser."""
    confidence: Probability | None
    """How sure the recogniser is; null where it does not tell."""


class Timing(Part, frozen=True, kw_only=True):
    """Milliseconds spent on each step of a label, null where a step was not taken."""

    endpoint: Milliseconds | None = None
    """From the last speech to the endpoint: the hangover."""
    transcribe: Milliseconds | None = None
    """Recognising the words."""
    encode: Milliseconds | None = None
    """Describing words, voice and picture."""
    head: Milliseconds | None = None
    """Fusing them, and the step of the dialogue."""
    publish: Milliseconds | None = None
    """From the label being known to the message being handed over for sending."""
    total: Milliseconds | None = None
    """From the endpoint to the message being handed over for sending."""


class TopicPosition(Part, frozen=True, kw_only=True):
    """The last message of a topic."""

    seq: Count
    """Its `seq`."""
    topic_seq: Count
    """Its `topic_seq`."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The fields that every message has."""

    schema: Literal["emotrack/1"] = "emotrack/1"
    """The protocol and its major version."""
    session: Identifier = ""
    """The session's name, as in the topic."""
    seq: Position = 0
    """Position among all messages of the session, counted from 1."""
    topic_seq: Position = 0
    """Position within the message's full topic, gapless, counted from 1."""
    published_unix_ns: UnixNanoseconds = 0
    """When it was handed over for sending, in Unix nanoseconds."""


class Session(Envelope, frozen=True, kw_only=True, tag="session"):
    """A session starts or ends."""

    state: Literal["started", "ended"]
    """Which of the two."""
    reason: Text | None
    """Why the session ended; null when it started."""
    start_unix_ns: UnixNanoseconds
    """Session time 0 in Unix nanoseconds."""
    encoding: Encoding
    """Form of all payloads."""
    vocabulary: Vocabulary
    """The labels in use."""
    model: ModelInfo
    """What makes them."""
    engines: Several[EngineInfo]
    """What computes each part of the tracker."""
    feeds: Several[FeedInfo]
    """The sources."""


class Emotion(Envelope, frozen=True, kw_only=True, tag="emotion"):
    """The label of one utterance: while it lasts (partial), at its end (final), changed by later ones or late
    words (revised)."""

    source: Identifier
    """The feed in which it was spoken."""
    utterance: Count
    """Number of the utterance within the session."""
    revision: Count
    """0 for the first label of this utterance, one more for each later one: the highest holds."""
    state: Literal["partial", "final", "revised"]
    """partial while they speak, final once at the end, revised when later utterances or late words change
    it."""
    speaker: SpeakerRef
    """Who spoke."""
    start_unix_ns: UnixNanoseconds = 0
    """Session time 0 in Unix nanoseconds: add `start` or `end` to place the words in time."""
    start: Seconds
    """Session time at which the speech began, in seconds."""
    end: Seconds
    """Session time at which it ended, or of now while it lasts, in seconds."""
    label: Name
    """The most probable label."""
    confidence: Probability
    """Its probability."""
    scores: Named[Probability]
    """Probability of each label of the vocabulary."""
    valence: Signed | None
    """From unpleasant (-1) to pleasant (1); null where the model has none."""
    arousal: Signed | None
    """From calm (-1) to excited (1); null where the model has none."""
    modalities: Named[ModalityState]
    """By modality: text, audio, face, body."""
    transcript: TranscriptInfo | None
    """What was said; null where that is not known (yet)."""
    timing_ms: Timing
    """What the label cost."""


class Feed(Envelope, frozen=True, kw_only=True, tag="feed"):
    """A feed, or one medium of it, goes up, down, or works worse than it should."""

    source: Identifier
    """The feed's name."""
    medium: Literal["audio", "video"] | None
    """Null when the whole feed is meant."""
    state: Literal["up", "down", "degraded"]
    """How it is from now on."""
    reason: Text | None
    """Why; null where it goes without saying."""
    time: Seconds
    """Session time at which it happened, in seconds."""


class Speaker(Envelope, frozen=True, kw_only=True, tag="speaker"):
    """A speaker is new, or turns out to be one already known."""

    event: Literal["new", "alias"]
    """Which of the two."""
    speaker: Identifier
    """Who this is about."""
    alias_of: Identifier | None
    """Who `speaker` is from now on; null for a new one."""
    confidence: Probability | None
    """How sure the tracker is; null where it cannot say."""
    time: Seconds
    """Session time at which it was noticed, in seconds."""


class Heartbeat(Envelope, frozen=True, kw_only=True, tag="heartbeat"):
    """Every second: how far behind the tracker is, what it sheds, where each topic stands (it shows lost
    tails)."""

    start_unix_ns: UnixNanoseconds = 0
    """Session time 0 in Unix nanoseconds."""
    time: Seconds
    """Session time of the newest media, in seconds."""
    lag: Seconds
    """Seconds between the newest media read and now."""
    queues: Named[Count]
    """Depth of each queue."""
    dropped: Named[Count]
    """Items dropped since the session began, by queue."""
    shed: Named[Count]
    """Work left out since the session began, by kind."""
    shedding: Several[Name] = ()
    """Kinds of work left out at this moment."""
    topics: Named[TopicPosition] = {}
    """The last message of each recently used topic."""
    snapshot_endpoint: Name | None = None
    """Where snapshot requests are answered."""


class Error(Envelope, frozen=True, kw_only=True, tag="error"):
    """Something failed."""

    message: Text
    """What, in one sentence."""
    continues: bool
    """Whether tracking goes on."""
    source: Identifier | None
    """The feed that it is about; null when it is about none."""
    time: Seconds
    """Session time at which it was noticed, in seconds."""


Message = Union[Session, Emotion, Feed, Speaker, Heartbeat, Error]  # noqa: UP007 - a runtime value of the decoders
ENVELOPE_FIELDS = Envelope.__struct_fields__
FILLED_IN = (*ENVELOPE_FIELDS, "start_unix_ns")
"""Fields that have defaults only for a message that is not sent yet: one that comes without them is none
(`schema` aside, which the topic tells too)."""


assert {message.__struct_config__.tag for message in get_args(Message)} == set(KINDS)
