"""What messages are made of: the limits of their values, and the values inside them.

A value out of all proportion is refused on reading, for a publisher need not be ours.
"""

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

Encoding = Literal["json", "msgpack"]
Identifier = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+$", max_length=128)]
Name = Annotated[str, Meta(max_length=1_000)]
Text = Annotated[str, Meta(max_length=100_000)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Signed = Annotated[float, Meta(ge=-1, le=1)]
Seconds = Annotated[float, Meta(ge=-1e11, le=1e11)]
Milliseconds = Annotated[float, Meta(ge=-1e12, le=1e12)]
Place = Annotated[float, Meta(ge=-100, le=100)]
Degrees = Annotated[float, Meta(ge=-180, le=180)]
Measure = Annotated[float, Meta(ge=0, le=1e6)]
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
    """text, audio, face, body, network, voices, identity or transcription."""
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


class PolicyInfo(Part, frozen=True, kw_only=True):
    """What a tracker may not do."""

    hash: Name
    """SHA-256 of what is refused: the same for the same policy."""
    refused: Several[Name]
    """text, audio, face, body (never loaded), identities, transcripts, evidence, records,
    pictures."""


class SpeakerRef(Part, frozen=True, kw_only=True):
    """Who is speaking."""

    id: Identifier
    """The speaker's name in topics and messages."""
    confidence: Probability | None
    """How sure the tracker is of it; null where it cannot say."""
    face: Count | None
    """The face track that is theirs; null when none is."""


class OtherSpeech(Part, frozen=True, kw_only=True):
    """Somebody else who speaks within an utterance."""

    speaker: Identifier
    """Who it is."""
    start: Seconds
    """Session time from which they speak, in seconds."""
    end: Seconds
    """Session time until which, in seconds."""


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


class PixelSize(Part, frozen=True, kw_only=True):
    """The size of a picture."""

    width: Count
    """Pixels across."""
    height: Count
    """Pixels down."""


class Box(Part, frozen=True, kw_only=True):
    """Where something is in a picture, in parts of its width and height: 0 is the left or upper border, 1 the
    right or lower one. What reaches out of the picture is below 0 or above 1."""

    left: Place
    """Its left border."""
    top: Place
    """Its upper border."""
    right: Place
    """Its right border."""
    bottom: Place
    """Its lower border."""


class Point(Part, frozen=True, kw_only=True):
    """A place in a picture, in parts of its width and height as in a box."""

    x: Place
    """From the left border."""
    y: Place
    """From the upper border."""


class PoseInfo(Part, frozen=True, kw_only=True):
    """Where a head is turned to, in degrees, estimated from five points: by a mean face, so that one that
    looks straight on may be told as 25 degrees up or down."""

    yaw: Degrees
    """Turned to the right of the picture."""
    pitch: Degrees
    """Turned up."""
    roll: Degrees
    """Leaning clockwise in the picture."""


class QualityInfo(Part, frozen=True, kw_only=True):
    """How well a face can be read."""

    size: Measure
    """Pixels of the picture across the part that is read: about 1.2 times the width of a grown person's
    face."""
    sharpness: Measure
    """Share of fine detail; under 0.05 it is blurred."""
    turn: Measure
    """How far it is turned away, in distances between the eyes; over 0.35 it cannot be read."""
    shown: Measure
    """How much of it shows; under 0.15 something is before it."""


class TopicPosition(Part, frozen=True, kw_only=True):
    """The last message of a topic."""

    seq: Count
    """Its `seq`."""
    topic_seq: Count
    """Its `topic_seq`."""
