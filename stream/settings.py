"""Typed settings of everything between the sources and the published labels."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from emotrack.modalities import MODALITIES, Modality
from emotrack.section import Section
from emotrack.stream.wire.protocol.endpoints import DEFAULT_ENDPOINT


class SourceSettings(Section):
    """What is taken of a source, and how long is waited for one."""

    max_frame_rate: float = Field(default=10.0, gt=0, le=120)
    """Pictures a second that are converted; of the others only the compressed form is looked at."""
    max_frame_side: int = Field(default=1280, ge=64)
    """Pictures whose longer side has more pixels are scaled down to it."""
    connect_timeout: float = Field(default=5.0, gt=0)
    """Seconds until an address that does not answer counts as unreachable, and one that falls silent as
    lost."""
    start_seconds: float = Field(default=20.0, ge=0)
    """Seconds for which a start waits where nothing at all is there yet: no live source, or nothing in a
    pipe."""
    retry_first: float = Field(default=0.5, gt=0)
    """Seconds until a lost device or address is tried again; the wait doubles up to `retry_longest`."""
    retry_longest: float = Field(default=15.0, gt=0)
    """The longest wait between two tries, in seconds."""
    whip_token: Path | None = None
    """File with the token that publishers must show (`whip:`); needed where others than this machine reach
    the port."""


class SegmentationSettings(Section):
    """How speech is cut into utterances, in seconds; rounded to whole blocks (32 ms) upwards, the maximum
    downwards."""

    start_threshold: float = Field(0.5, gt=0, lt=1)
    """Speech begins at this probability."""
    end_threshold: float = Field(0.35, gt=0, lt=1)
    """Speech goes on down to this probability."""
    minimum_speech: float = Field(0.2, gt=0)
    """Less speech than this opens no utterance."""
    pre_roll: float = Field(0.2, ge=0)
    """Audio kept before the first speech."""
    post_roll: float = Field(0.16, gt=0)
    """Audio kept after the last speech."""
    hangover: float = Field(0.5, gt=0)
    """Silence that ends an utterance."""
    maximum: float = Field(8.0, gt=0, le=90)
    """A longer utterance is split at the weakest point of its later half."""
    window: float = Field(4.0, gt=0)
    """Length of an utterance while nobody speaks."""
    absence: float = Field(1.0, gt=0)
    """Seeing nobody for so long closes such a window."""

    @model_validator(mode="after")
    def _fit_together(self) -> "SegmentationSettings":
        if self.end_threshold > self.start_threshold:
            raise ValueError("end_threshold must not be above start_threshold")
        if self.hangover < self.post_roll:
            raise ValueError("hangover must be at least post_roll, which is part of it")
        if self.maximum < 2 * (self.pre_roll + self.minimum_speech + self.hangover):
            raise ValueError("maximum must be at least twice pre_roll + minimum_speech + hangover")
        if self.window < 2 * self.absence:
            raise ValueError("window must be at least twice absence")
        return self


class TranscriptionSettings(Section):
    """Which recogniser turns speech into text, and how."""

    recogniser: Literal["whisper", "none"] = Field("whisper")
    """`none`: no text, as where Whisper's weights are not at hand."""
    model: str = Field("tiny.en", min_length=1)
    """A size (tiny.en and base travel in packages), a hub id, or a directory converted to CTranslate2."""
    download: bool = Field(False)
    """Fetch weights that are not on this machine from the model hub."""
    language: str | None = Field(None)
    """Language spoken, such as en; detected by a model of many when not set."""
    device: Literal["auto", "cpu", "cuda"] = Field("auto")
    """Where Whisper runs."""
    compute_type: str = Field("auto")
    """Auto is int8 on cpu and float16 on cuda, else float32."""
    threads: int | None = Field(None, ge=1)
    """Processor threads of a worker; as many as tracking leaves, at most 4, when not set."""
    workers: int = Field(1, ge=1)
    """Utterances transcribed at once, of all sessions with the same model."""


class SpeakerSettings(Section):
    """How utterances are given to speakers."""

    mode: Literal["auto", "single", "feed", "voice"] = "auto"
    """`single`: everybody is one speaker; `feed`: one speaker per feed; `voice`: told apart by voice, with
    the networks of the extra `voices`; `auto`: by voice where these are on the machine, else one per feed, as
    where every source is named after who is in it (`alice=FILE`)."""
    conversations: Literal["together", "apart"] = "together"
    """`together`: the feeds of a session are one conversation, in which each turn is heard in the light of
    the others; `apart`: each feed is a conversation of its own, with the labels that it has alone."""
    same_voice: float = Field(0.35, gt=0, lt=1)
    """Mean cosine of what is heard of two voices from which on they are one speaker's."""
    founding_speech: float = Field(1.5, gt=0)
    """Seconds that must be heard of a voice for a new speaker to be told from it; less goes to the nearest
    speaker."""
    enough_speech: float = Field(3.0, gt=0)
    """Seconds heard of a speaker before their voice counts as known."""
    maximum_speakers: int = Field(8, ge=1)
    """Further voices go to the nearest speaker."""

    people: Path | None = None
    """Folder of those who are known by voice or face (`emotrack enroll`); one of the user's unless set."""
    people_key: Path | None = None
    """File with the key (`emotrack people key`) that encrypts it."""

    @property
    def by_voice(self) -> bool:
        """Whether speakers are to be told apart by their voices, if that is possible."""
        return self.mode in ("auto", "voice")


class VisionSettings(Section):
    """How often faces and bodies are looked for."""

    face_rate: float = Field(5.0, gt=0, le=30)
    """Frames a second in which faces are looked for."""
    body_rate: float = Field(1.0, gt=0, le=30)
    """Frames a second in which bodies are looked for (at most the face rate)."""
    maximum_faces: int = Field(10, ge=1, le=32)
    """Faces of one feed that are followed at once: the largest, and it is told that there are more."""


class PeopleSettings(Section):
    """What is told of faces and people, and how steady a person's state is."""

    face_rate: float = Field(2.0, gt=0, le=30)
    """Messages a second about each face that is there; changes are told at once."""
    person_rate: float = Field(2.0, gt=0, le=2)
    """Messages a second, at most, about each person whose state moves; another label is told at once."""
    enter: float = Field(0.45, gt=0, lt=1)
    """Probability of a label, in what is known of a person lately, from which on it becomes their state."""
    leave: float = Field(0.3, gt=0, lt=1)
    """Probability under which their state is neutral again."""
    enter_seconds: float = Field(0.6, ge=0)
    """How long a label must have been as probable as that to be entered."""
    leave_seconds: float = Field(2.0, ge=0)
    """How long it must have been less probable than that to be left."""
    memory: float = Field(3.5, gt=0)
    """Seconds of newer evidence after which older counts a third (1/e)."""
    staying: float = Field(60.0, gt=0)
    """Seconds without any evidence after which what was known counts a third (1/e)."""
    assumed: float = Field(1.0, gt=0)
    """Seconds of calm that are assumed of somebody before anything is known of them."""
    away_seconds: float = Field(10.0, gt=0)
    """Who has been neither seen nor heard for so long is away."""

    @model_validator(mode="after")
    def _fit_together(self) -> "PeopleSettings":
        if self.leave > self.enter:
            raise ValueError("leave must not be above enter")
        return self


class LabelSettings(Section):
    """Which labels are published, and when."""

    partial_interval: float = Field(0.5, ge=0.1)
    """Seconds between two partial labels of one open utterance."""
    text_deadline: float = Field(1.5, ge=0)
    """Seconds after an endpoint within which a final label is out, be its transcript there or not; without
    it text is masked as late, and the label is revised when the words come. It waits less where it keeps
    another feed's label waiting, and while the recogniser is behind."""
    vision_deadline: float = Field(0.3, ge=0)
    """Seconds after an endpoint for which a final label waits for frames already taken to be looked at."""
    revision_threshold: float = Field(0.1, ge=0, le=1)
    """A revised label is published when the label, or any of its probabilities by this much, has changed."""


class PublishSettings(Section):
    """Where messages go."""

    endpoint: str = DEFAULT_ENDPOINT
    """ZeroMQ endpoint that subscribers connect to; `none` publishes nothing; port 0 takes a free port."""
    snapshot_endpoint: str | None = None
    """Endpoint for catching up; the port after `endpoint`'s unless set."""
    encoding: Literal["json", "msgpack"] = "json"
    """Form of the payload of every message."""
    metrics: str | None = None
    """HOST:PORT of an HTTP server that tells Prometheus how the session does (`/metrics`), and whoever asks
    whether it lives (`/healthz`) and labels (`/readyz`); none unless set."""
    keys: Path | None = None
    """Folder made by `emotrack keys`: turns encryption and the allow-list of clients on."""
    pictures: bool = False
    """Whether subscribers may ask for the newest picture of each feed, made smaller, as `emotrack dashboard`
    does where somebody wants to see it."""
    insecure: bool = False
    """Allow other addresses than loopback without keys."""


class StreamSettings(Section):
    """Everything in `stream`."""

    sources: SourceSettings = SourceSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    speakers: SpeakerSettings = SpeakerSettings()
    vision: VisionSettings = VisionSettings()
    people: PeopleSettings = PeopleSettings()
    labels: LabelSettings = LabelSettings()
    publish: PublishSettings = PublishSettings()
    speech_detector: Path | None = None
    """Silero's network as an .onnx file; the one in the package silero-vad unless set."""
    modalities: tuple[Modality, ...] = MODALITIES
    """The modalities that may be used; the others are masked with the reason `user`."""
