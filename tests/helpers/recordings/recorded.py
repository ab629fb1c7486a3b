"""Recorded sessions to test with, written down message by message."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Emotion, Message
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.recordings.conversation import Conversation, gathered
from helpers.sessions import sample_messages as sample


def published(bodies: Sequence[Message], name: str = "kitchen-1") -> list[Message]:
    """Messages as a session publishes them."""
    outbox = Outbox(name)
    return [outbox.emit(body) for body in bodies]


def conversation_of(*bodies: Message) -> Conversation:
    """The session that consists of these messages, from its beginning to its end."""
    return gathered(published([sample.session(), *bodies, sample.session("ended")]))


def recording_of(path: Path, *bodies: Message, name: str = "kitchen-1") -> Path:
    """A file of JSON lines with these messages."""
    path.write_bytes(b"".join(encode(message) + b"\n" for message in published(bodies, name)))
    return path


def line(
    number: int, speaker: str, start: float, end: float, words: str = "All right.", **more: Any
) -> Emotion:
    """What somebody says."""
    transcript = sample.said(words) if words else None
    return sample.emotion(number, speaker, start=start, end=end, **{"transcript": transcript, **more})


def evening() -> list[Message]:
    """Ann and Ben talk for two minutes and a half: at first they are merry, then Ben hears bad news; the
    camera is covered for a while, and somebody else is only seen."""
    bodies: list[Message] = [sample.session(), sample.feed("video"), sample.feed("audio")]
    for number in range(12):
        start, merry = 12.0 * number, number < 6
        mood = "joy" if merry else "sadness"
        covered = {"face": sample.imputed(0.04, "camera covered")} if 4 <= number < 6 else {}
        calm: dict[str, Any] = {"label": "neutral", "confidence": 0.45, "valence": 0.0, "arousal": 0.1}
        moved: dict[str, Any] = {"label": mood, "confidence": 0.8, "modalities": sample.modalities(**covered)}
        moved |= {"valence": (0.6 if merry else -0.5) + 0.02 * (number % 2), "arousal": 0.2}
        since = 5.5 if merry else 78.0
        bodies += [
            line(2 * number, "ann", start, start + 6, f"I say this, number {number}.", **calm),
            line(2 * number + 1, "ben", start + 5.5, start + 11, f"My answer is {number}.", **moved),
            sample.person("ann", time=start + 6, since=0.0, label="neutral", baseline=number),
            sample.person("ben", time=start + 11, since=since, label=mood, baseline=number),
        ]
    bodies += [
        sample.person("kitchen-face9", time=20.0, since=15.0),
        sample.feed("video", "degraded", "no picture: camera covered or dark", 48.0),
        sample.feed("video", "up", "picture again", 71.0),
        sample.error("The recogniser gave up.", 90.0),
    ]
    for second in range(150):
        bodies.append(sample.heartbeat(float(second), shedding=("bodies",) if second < 3 else ()))
    bodies.append(sample.session("ended"))
    return bodies
