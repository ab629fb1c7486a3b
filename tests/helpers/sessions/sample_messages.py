"""Messages to test with: single ones, and a short conversation that shows everything the monitor can."""

from collections.abc import Iterator
from typing import Any, Literal

from emotrack.stream.sources.media import Medium
from emotrack.stream.wire.protocol.messages import (
    Emotion,
    Error,
    Face,
    Feed,
    Heartbeat,
    Message,
    Person,
    Session,
    Speaker,
)
from emotrack.stream.wire.protocol.parts import (
    Box,
    EngineInfo,
    FeedInfo,
    ModalityState,
    ModelInfo,
    PixelSize,
    Point,
    PoseInfo,
    QualityInfo,
    SkippedBackend,
    SpeakerRef,
    Timing,
    TranscriptInfo,
)
from emotrack.stream.wire.protocol.vocabulary import LABELS, MELD
from emotrack.stream.wire.publish.outbox import Outbox


def session(state: str = "started", **changes: Any) -> Session:
    fields: dict[str, Any] = {
        "state": state,
        "reason": None if state == "started" else "end of the sources",
        "start_unix_ns": 1_760_000_000_000_000_000,
        "encoding": "json",
        "vocabulary": MELD,
        "model": ModelInfo(id="embedded-1", hash="0" * 64),
        "engines": (
            EngineInfo(
                part="text",
                model="all-MiniLM-L6-v2",
                backend="torch",
                skipped=(SkippedBackend(backend="tensorrt", reason="no GPU"),),
            ),
        ),
        "feeds": (FeedInfo(source="kitchen", description="camera:0+mic:default"),),
    }
    return Session(**fields | changes)


def emotion(utterance: int = 1, speaker: str = "spk1", **changes: Any) -> Emotion:
    label = changes.get("label", "joy")
    confidence = changes.get("confidence", 0.64)
    rest = (1 - confidence) / (len(LABELS) - 1)
    fields: dict[str, Any] = {
        "source": "kitchen",
        "utterance": utterance,
        "revision": 0,
        "state": "final",
        "speaker": SpeakerRef(id=speaker, confidence=0.9, face=1),
        "start": 2.0 * utterance,
        "end": 2.0 * utterance + 1.5,
        "label": label,
        "confidence": confidence,
        "scores": {name: confidence if name == label else rest for name in LABELS},
        "valence": None,
        "arousal": None,
        "modalities": modalities(),
        "transcript": said("All right."),
        "timing_ms": Timing(endpoint=328.0, transcribe=210.0, encode=18.0, head=3.1, publish=0.2, total=21.3),
    }
    return Emotion(**fields | changes)


def modalities(**changes: ModalityState) -> dict[str, ModalityState]:
    return {
        "text": present(0.46),
        "audio": present(0.33),
        "face": present(0.21),
        "body": masked("untrained"),
    } | changes


def present(weight: float) -> ModalityState:
    return ModalityState(present=True, imputed=False, weight=weight, reason=None)


def imputed(weight: float, reason: str) -> ModalityState:
    return ModalityState(present=False, imputed=True, weight=weight, reason=reason)


def masked(reason: str) -> ModalityState:
    return ModalityState(present=False, imputed=False, weight=0.0, reason=reason)


def said(text: str) -> TranscriptInfo:
    return TranscriptInfo(text=text, language="en", asr="whisper-base", confidence=0.8)


def heartbeat(time: float = 1.0, **changes: Any) -> Heartbeat:
    fields: dict[str, Any] = {
        "time": time,
        "lag": 0.08,
        "queues": {"audio": 1},
        "dropped": {},
        "shed": {"partial": 2},
    }
    return Heartbeat(**fields | changes)


def feed(
    medium: Medium | None = "video",
    state: Literal["up", "down", "degraded"] = "up",
    reason: str | None = None,
    time: float = 0.0,
) -> Feed:
    return Feed(source="kitchen", medium=medium, state=state, reason=reason, time=time)


def new_speaker(name: str = "spk1", time: float = 0.5) -> Speaker:
    return Speaker(event="new", speaker=name, alias_of=None, confidence=0.9, time=time)


def person(name: str = "spk1", **changes: Any) -> Person:
    label = changes.get("label", "neutral")
    confidence = changes.get("confidence", 0.64)
    rest = (1 - confidence) / (len(LABELS) - 1)
    fields: dict[str, Any] = {
        "person": name,
        "source": "kitchen",
        "state": "present",
        "time": 9.0,
        "label": label,
        "since": 4.0,
        "confidence": confidence,
        "scores": {one: confidence if one == label else rest for one in LABELS},
        "valence": 0.1,
        "arousal": 0.1,
        "valence_trend": 0.0,
        "arousal_trend": 0.0,
        "known": 4.0,
        "baseline": 0,
        "face": 2,
        "speaking": False,
        "utterance": None,
    }
    return Person(**fields | changes)


def face(track: int = 1, **changes: Any) -> Face:
    place = Point(x=0.5, y=0.5)
    fields: dict[str, Any] = {
        "source": "kitchen",
        "event": "seen",
        "track": track,
        "person": f"kitchen-face{track}",
        "time": 9.0,
        "picture": PixelSize(width=640, height=480),
        "box": Box(left=0.4, top=0.3, right=0.6, bottom=0.7),
        "points": (place,) * 5,
        "pose": PoseInfo(yaw=0.0, pitch=0.0, roll=0.0),
        "mouth_moving": False,
        "quality": QualityInfo(size=120.0, sharpness=0.2, turn=0.0, shown=0.6),
        "label": None,
        "confidence": None,
        "scores": None,
        "valence": None,
        "arousal": None,
        "reason": "not yet",
    }
    return Face(**fields | changes)


def alias(name: str, of: str, time: float = 9.0) -> Speaker:
    return Speaker(event="alias", speaker=name, alias_of=of, confidence=0.8, time=time)


def error(message: str = "The camera was unplugged.", time: float = 5.0) -> Error:
    return Error(message=message, continues=True, source="kitchen", time=time)


def conversation() -> list[Message]:
    """Two people talk, the camera is covered for a while, one of them still speaks; as a subscriber would
    read it."""
    outbox = Outbox("kitchen-1")
    return [outbox.emit(body) for body in _conversation()]


def _conversation() -> Iterator[Message]:
    yield session()
    yield feed("audio")
    yield feed("video")
    yield new_speaker("spk1", 1.9)
    yield new_speaker("spk2", 3.9)
    moods = [
        "neutral",
        "neutral",
        "joy",
        "neutral",
        "surprise",
        "joy",
        "joy",
        "sadness",
        "sadness",
        "neutral",
        "anger",
        "anger",
    ]
    moods += [
        "disgust",
        "neutral",
        "fear",
        "surprise",
        "joy",
        "joy",
        "neutral",
        "joy",
        "sadness",
        "neutral",
        "joy",
        "surprise",
    ]
    for number, mood in enumerate(moods * 2):
        strength = 0.35 + 0.6 * ((number * 7) % 11) / 11
        start = 2.0 * number
        yield emotion(
            number, f"spk{number % 2 + 1}", label=mood, confidence=strength, start=start, end=start + 1.8
        )
    yield feed("video", "degraded", "no picture: camera covered or dark", 97.5)
    yield emotion(
        50,
        "spk1",
        start=98.2,
        end=101.9,
        label="joy",
        confidence=0.68,
        scores=dict(zip(LABELS, (0.13, 0.68, 0.02, 0.02, 0.11, 0.03, 0.01), strict=True)),
        modalities=modalities(text=present(0.46), audio=present(0.5), face=imputed(0.04, "camera covered")),
        transcript=said("They said yes! I start on Monday, can you believe it?"),
    )
    yield feed("video", "up", "picture again", 103.0)
    yield emotion(
        51,
        "spk2",
        state="partial",
        start=102.6,
        end=104.1,
        label="surprise",
        confidence=0.57,
        scores=dict(zip(LABELS, (0.17, 0.19, 0.01, 0.02, 0.57, 0.03, 0.01), strict=True)),
        modalities=modalities(text=imputed(0.05, "not yet"), audio=present(0.49), face=present(0.46)),
        transcript=None,
    )
    yield heartbeat(104.2)
