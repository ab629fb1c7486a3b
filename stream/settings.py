"""Typed settings of everything between the sources and the published labels."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from emotrack.model.configuration import STREAMS, Stream
from emotrack.stream.hearing.segmentation import SegmentationSettings
from emotrack.stream.sources.settings import SourceSettings
from emotrack.stream.speakers.settings import SpeakerSettings
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.wire.addresses import DEFAULT_ENDPOINT


class Section(BaseModel):
    """A group of settings: unknown keys are refused, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VisionSettings(Section):
    """How often faces and bodies are looked for."""

    face_rate: float = Field(5.0, gt=0, le=30)
    """Frames a second in which faces are looked for."""
    body_rate: float = Field(1.0, gt=0, le=30)
    """Frames a second in which bodies are looked for (at most the face rate)."""


class LabelSettings(Section):
    """Which labels are published, and when."""

    partial_interval: float = Field(0.5, ge=0.1)
    """Seconds between two partial labels of one open utterance."""
    text_deadline: float = Field(5.0, ge=0)
    """Seconds after an endpoint for which a final label waits for its transcript; then text is masked as late, and the label is
    revised when the words come. It waits less where it keeps another feed's label waiting."""
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
    keys: Path | None = None
    """Folder made by `emotrack keys`: turns encryption and the allow-list of clients on."""
    insecure: bool = False
    """Allow other addresses than loopback without keys."""


class StreamSettings(Section):
    """Everything in `stream`."""

    sources: SourceSettings = SourceSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    speakers: SpeakerSettings = SpeakerSettings()
    vision: VisionSettings = VisionSettings()
    labels: LabelSettings = LabelSettings()
    publish: PublishSettings = PublishSettings()
    speech_detector: Path | None = None
    """Silero's network as an .onnx file; the one in the package silero-vad unless set."""
    modes: tuple[Stream, ...] = STREAMS
    """The streams that may be used; the others are masked with the reason `user`."""
