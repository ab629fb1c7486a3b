"""The wire messages of `emotrack/1`: one tagged union, its topics, and its JSON and MessagePack forms.

A message is built without its envelope (`session`, `seq`, `topic_seq`, `published_unix_ns`), a label without
`start_unix_ns`, a heartbeat also without `topics` and `snapshot_endpoint`: `outbox.Outbox.emit` fills them
in. Times are seconds of session time unless the name says otherwise. Unknown fields are ignored on reading,
so that a later `emotrack/1` may add some; a missing field, a wrong type, or a value out of all proportion (a
publisher need not be ours) is a `BadMessage`. The docstrings of the fields are their descriptions in the JSON
Schema.
"""

from typing import Annotated, Literal, Union, get_args

import msgspec
from msgspec import Meta

from emotrack.stream.wire.protocol.parts import (
    Box,
    Count,
    Encoding,
    EngineInfo,
    FeedInfo,
    Identifier,
    ModalityState,
    ModelInfo,
    Name,
    Named,
    OtherSpeech,
    PixelSize,
    Point,
    PolicyInfo,
    PoseInfo,
    Position,
    Probability,
    QualityInfo,
    Seconds,
    Several,
    Signed,
    SpeakerRef,
    Text,
    Timing,
    TopicPosition,
    TranscriptInfo,
    UnixNanoseconds,
    Vocabulary,
)

SCHEMA = "emotrack/1"
KINDS = ("session", "emotion", "face", "person", "feed", "speaker", "heartbeat", "error")
NO_SPEAKER = "-"


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
    """Why the session ended; null when it started, `resumed` where another process goes on with it, after a
    crash or a stop."""
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
    policy: PolicyInfo | None = None
    """What it may not do, whatever is set; null where there is no policy."""


class Emotion(Envelope, frozen=True, kw_only=True, tag="emotion"):
    """The label of one utterance: while it lasts (partial), at its end (final), changed by later ones, late
    words or another speaker (revised)."""

    source: Identifier
    """The feed in which it was spoken."""
    utterance: Count
    """Number of the utterance within the session."""
    revision: Count
    """0 for the first label of this utterance, one more for each later one: the highest holds."""
    state: Literal["partial", "final", "revised"]
    """partial while they speak, final once at the end, revised when later utterances, late words or
    another speaker change it."""
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
    others: Several[OtherSpeech] = ()
    """Who else speaks meanwhile, over the speaker or in short answers; empty while it lasts, and where
    speakers are not told apart by their voices."""
    timing_ms: Timing
    """What the label cost."""


class Face(Envelope, frozen=True, kw_only=True, tag="face"):
    """A face that is followed, whether its person speaks or not: when it appears, several times a second
    while it is there, at once when something changes, and when it is lost."""

    source: Identifier
    """The feed in which it is seen."""
    event: Literal["appeared", "seen", "lost"]
    """appeared, seen again, or lost: gone for a second and a half, or taken for a
    picture."""
    track: Count
    """Number of the face within its feed, never used twice."""
    person: Identifier
    """Whose it is: somebody's who is enrolled, or who spoke with it; a name of its own (`SOURCE-faceTRACK`)
    as long as nobody is known to have it."""
    start_unix_ns: UnixNanoseconds = 0
    """Session time 0 in Unix nanoseconds: add `time` to place the picture in time."""
    time: Seconds
    """Session time of the picture, in seconds; of a face that is lost, when it was seen last."""
    picture: PixelSize
    """Size of the picture."""
    box: Box
    """Where the face is."""
    points: Several[Point]
    """Left eye, right eye, tip of the nose, left and right corner of the mouth, left and right as in the
    picture."""
    pose: PoseInfo
    """Where it is turned to."""
    mouth_moving: bool
    """Whether the mouth moves beyond the head, as in speech."""
    quality: QualityInfo
    """How well it can be read."""
    label: Name | None
    """The most probable label of what it shows; null where that cannot be told."""
    confidence: Probability | None
    """Its probability."""
    scores: Named[Probability] | None
    """Probability of each label of the vocabulary, from the face alone: of what could be read of it in the
    last second."""
    valence: Signed | None
    """From unpleasant (-1) to pleasant (1)."""
    arousal: Signed | None
    """From calm (-1) to excited (1)."""
    reason: Text | None
    """Why there is no label, or of a face that is lost, why; null where there is one."""


class Person(Envelope, frozen=True, kw_only=True, tag="person"):
    """The steady state of one person, from what they said and what their face shows: at once when label,
    presence, face or utterance change, else when the numbers move, at most twice a second."""

    person: Identifier
    """Who: a speaker's id, or that of a face (see `face.person`)."""
    source: Identifier
    """The feed in which they were heard or seen last."""
    state: Literal["present", "away"]
    """present while they are seen or heard, away from a while after that."""
    start_unix_ns: UnixNanoseconds = 0
    """Session time 0 in Unix nanoseconds: add `time` to place the state in time."""
    time: Seconds
    """Session time for which this holds, in seconds."""
    label: Name
    """Their state: entered when it is clear, left when it is clearly over, neutral in between."""
    since: Seconds
    """Session time at which that label was entered, in seconds."""
    confidence: Probability
    """Its probability in what is known of them lately."""
    scores: Named[Probability]
    """Probability of each label of the vocabulary in what is known of them lately."""
    valence: Signed | None
    """From unpleasant (-1) to pleasant (1); null where the model has none."""
    arousal: Signed | None
    """From calm (-1) to excited (1); null where the model has none."""
    valence_trend: Annotated[float, Meta(ge=-2, le=2)] | None
    """Valence now less that of the last half minute."""
    arousal_trend: Annotated[float, Meta(ge=-2, le=2)] | None
    """Arousal now less that of the last half minute."""
    known: Seconds
    """Seconds of speech and of looks at their face that this rests on; the less, the more of it is
    assumed."""
    baseline: Count
    """How many of their utterances tell what is usual for them; 0 where nothing does."""
    face: Count | None
    """The face track that is theirs in `source` now; null where none is seen."""
    speaking: bool
    """Whether an utterance of theirs is open."""
    utterance: Count | None
    """Their last utterance; null where they have said nothing."""


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


Message = Union[Session, Emotion, Face, Person, Feed, Speaker, Heartbeat, Error]  # noqa: UP007 - a runtime value of the decoders
ENVELOPE_FIELDS = Envelope.__struct_fields__
FILLED_IN = (*ENVELOPE_FIELDS, "start_unix_ns")
"""Fields that have defaults only for a message that is not sent yet: one that comes without them is none
(`schema` aside, which the topic tells too)."""


assert {message.__struct_config__.tag for message in get_args(Message)} == set(KINDS)
