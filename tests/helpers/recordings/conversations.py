"""Whole sessions to export: one that has everything that is awkward, and any that hypothesis can think of."""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from emotrack.stream.wire.protocol.messages import Emotion, Message
from emotrack.stream.wire.protocol.parts import FeedInfo, OtherSpeech
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.recordings.conversation import Conversation, gathered
from helpers.sessions import sample_messages as sample

WORDS = 'He said "no" --> really?\r\n\r\n<b>Why & how</b>; ]]> =SUM(A1)\x00 😀 שלום'
"""What each format has to do something about."""
CLIP = FeedInfo(source="kitchen", description="/home/somebody/secret folder/talk & walk.mp4")


def published(bodies: Iterable[Message], session: str = "kitchen-1") -> list[Message]:
    """Messages as they stand in a recording."""
    outbox = Outbox(session)
    return [outbox.emit(body) for body in bodies]


def recorded(messages: Iterable[Message]) -> bytes:
    """A recording of these messages."""
    return b"".join(msgspec.json.encode(message) + b"\n" for message in messages)


def awkward_messages() -> list[Message]:
    """Two people and a stranger: overlaps, words that are hostile, missing or late, an alias, a time before
    the beginning."""
    joy = {"valence": 0.75, "arousal": -0.25}
    return published(
        [
            sample.session(feeds=(CLIP,)),
            sample.feed("audio"),
            sample.emotion(1, "spk1", start=-0.25, end=1.5, transcript=sample.said(WORDS), **joy),
            sample.person("spk1", time=1.6, since=1.5, label="joy"),
            sample.face(1, time=1.7),
            sample.emotion(2, "spk3", start=1.0, end=2.5, label="anger", transcript=None),
            sample.emotion(3, "spk2", start=2.0, end=4.0, label="sadness", confidence=0.5, state="final"),
            sample.emotion(
                4,
                "spk1",
                start=3.0,
                end=4.25,
                label="neutral",
                modalities=sample.modalities(face=sample.imputed(0.1, "camera covered")),
                others=(OtherSpeech(speaker="spk2", start=3.5, end=3.75),),
            ),
            sample.person("spk1", time=4.5, since=4.25, label="neutral"),
            sample.emotion(3, "spk2", start=2.0, end=4.0, label="fear", revision=1, state="revised"),
            sample.emotion(5, "spk2", start=5.0, end=6.0, state="partial"),
            sample.alias("spk3", "spk1", 6.0),
            sample.person("spk1", time=7.0, since=4.25, label="neutral", state="away"),
            sample.heartbeat(8.0),
            sample.session("ended"),
        ]
    )


def awkward() -> Conversation:
    """The same, gathered."""
    return gathered(awkward_messages())


def silent() -> Conversation:
    """A session in which nobody says anything, broken off."""
    return gathered(published([sample.session(), sample.heartbeat(3.0)]))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        WORDS,
        "",
        " ",
        "-->",
        "]]>",
        "=1+1",
        "'",
        "a\n\nb",
        "\u2028",
        "\x85",
        "NA",
        "1\n00:00:01,000 --> x",
        "{\\b1}",
    ]
)
"""What may have been said: every letter that a message can carry."""
_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
_signed = st.none() | st.floats(-1, 1).map(lambda value: round(value, 4))


@st.composite
def _utterances(draw: st.DrawFn, number: int, speakers: list[str]) -> Emotion:
    start = draw(st.integers(-2_000, 60_000)) / 1000
    label = draw(st.sampled_from(LABELS))
    changes: dict[str, Any] = {
        "start": start,
        "end": start + draw(st.integers(0, 9_000)) / 1000,
        "label": label,
        "confidence": round(draw(st.floats(0, 1)), 4),
        "valence": draw(_signed),
        "arousal": draw(_signed),
        "transcript": draw(st.none() | texts.map(sample.said)),
        "speaker": draw(st.sampled_from(speakers)),
    }
    return sample.emotion(number, **changes)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Sessions of a few utterances, which overlap as they like."""
    speakers = draw(st.lists(_names, min_size=1, max_size=3, unique_by=str.lower))
    count = draw(st.integers(1, 6))
    said = [draw(_utterances(number, speakers)) for number in range(count)]
    return gathered(published([sample.session(), *said]))
