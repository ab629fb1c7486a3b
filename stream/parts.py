"""What a session is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from emotrack.engines.encoders import Encoders
from emotrack.engines.heads import Heads
from emotrack.model.bundle import Bundle
from emotrack.stream.media import Source
from emotrack.stream.messages import Session
from emotrack.stream.observing import Observer
from emotrack.stream.settings import StreamSettings
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.stream.wire.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a session is made of; opened by whoever starts it, closed by them too."""

    sources: Sequence[Source]
    bundle: Bundle
    encoders: Encoders
    heads: Heads
    transcriber: Transcriber | None
    speechless: str
    """Why nothing transcribes, when nothing does."""
    outbox: Outbox
    opening: Session
    """The message that starts the session, but for the moment of that."""
    settings: StreamSettings
    observe: Observer | None = None
    """Shown what each final label was made from; without one nothing of it is kept."""
