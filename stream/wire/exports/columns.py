"""What is known of an utterance, a person or a face, as columns: what tables of any format are made of."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from emotrack.modalities import MODALITIES
from emotrack.stream.wire.protocol.messages import Emotion, Face, Person
from emotrack.stream.wire.recordings.conversation import Conversation

Row = TypeVar("Row", Emotion, Person, Face)
Kind = Literal["text", "number", "whole", "flag"]


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column."""

    name: str
    kind: Kind
    meaning: str
    value: Callable[[Row], Any]
    """Of a row; None where it is not known."""
    unit: str | None = None


def utterance_columns(conversation: Conversation) -> list[Column[Emotion]]:
    """Columns of an utterance: everything but what it cost to make its label."""
    return [
        Column("session", "text", "The session's name.", lambda one: one.session),
        Column("utterance", "whole", "Number of the utterance.", lambda one: one.utterance),
        Column("revision", "whole", "How often its label was changed.", lambda one: one.revision),
        Column("state", "text", "final, or revised where it was changed later.", lambda one: one.state),
        Column("source", "text", "The feed in which it was spoken.", lambda one: one.source),
        Column("speaker", "text", "Who spoke.", lambda one: one.speaker.id),
        Column("speaker_confidence", "number", "How sure that is.", lambda one: one.speaker.confidence),
        Column("speaker_face", "whole", "Number of their face.", lambda one: one.speaker.face),
        Column("start", "number", "When they began, in session time.", lambda one: one.start, "s"),
        Column("end", "number", "When they ended, in session time.", lambda one: one.end, "s"),
        _start_unix_ns(),
        *_labelled(conversation.labels),
        *_said(),
        *_modalities(conversation),
        Column("others", "text", "Who else spoke meanwhile, as JSON.", _others),
    ]


def person_columns(conversation: Conversation) -> list[Column[Person]]:
    """Columns of a steady state, each time it was told of."""
    return [
        Column("session", "text", "The session's name.", lambda one: one.session),
        Column("person", "text", "Who.", lambda one: one.person),
        Column("source", "text", "The feed that they were in last.", lambda one: one.source),
        Column("state", "text", "present or away.", lambda one: one.state),
        Column("time", "number", "Session time for which this holds.", lambda one: one.time, "s"),
        _start_unix_ns(),
        Column("since", "number", "When the label was entered.", lambda one: one.since, "s"),
        *_labelled(conversation.labels),
        Column("valence_trend", "number", "Against the last half minute.", lambda one: one.valence_trend),
        Column("arousal_trend", "number", "Against the last half minute.", lambda one: one.arousal_trend),
        Column("known", "number", "What this rests on.", lambda one: one.known, "s"),
        Column("baseline", "whole", "Utterances that tell what is usual.", lambda one: one.baseline),
        Column("face", "whole", "Number of their face.", lambda one: one.face),
        Column("speaking", "flag", "Whether they speak.", lambda one: one.speaking),
        Column("utterance", "whole", "Their last utterance.", lambda one: one.utterance),
    ]


def face_columns(conversation: Conversation) -> list[Column[Face]]:
    """Columns of a look at a face; places are parts of the picture's width and height."""
    return [
        Column("session", "text", "The session's name.", lambda one: one.session),
        Column("source", "text", "The feed in which it is seen.", lambda one: one.source),
        Column("track", "whole", "Number of the face within its feed.", lambda one: one.track),
        Column("event", "text", "appeared, seen or lost.", lambda one: one.event),
        Column("person", "text", "Whose it is.", lambda one: one.person),
        Column("time", "number", "Session time of the picture.", lambda one: one.time, "s"),
        _start_unix_ns(),
        Column("picture_width", "whole", "Width of the picture.", lambda one: one.picture.width, "px"),
        Column("picture_height", "whole", "Height of the picture.", lambda one: one.picture.height, "px"),
        Column("left", "number", "Its left border.", lambda one: one.box.left),
        Column("top", "number", "Its upper border.", lambda one: one.box.top),
        Column("right", "number", "Its right border.", lambda one: one.box.right),
        Column("bottom", "number", "Its lower border.", lambda one: one.box.bottom),
        Column("points", "text", "Eyes, nose, corners of the mouth, as JSON [x, y].", _points),
        Column("yaw", "number", "Turned to the right of the picture.", lambda one: one.pose.yaw, "deg"),
        Column("pitch", "number", "Turned up.", lambda one: one.pose.pitch, "deg"),
        Column("roll", "number", "Leaning clockwise.", lambda one: one.pose.roll, "deg"),
        Column("mouth_moving", "flag", "Whether the mouth moves.", lambda one: one.mouth_moving),
        Column("size", "number", "Pixels across what is read.", lambda one: one.quality.size, "px"),
        Column("sharpness", "number", "Share of fine detail.", lambda one: one.quality.sharpness),
        Column("turn", "number", "How far it is turned away.", lambda one: one.quality.turn),
        Column("shown", "number", "How much of it shows.", lambda one: one.quality.shown),
        *_labelled(conversation.labels),
        Column("reason", "text", "Why there is no label, or it was lost.", lambda one: one.reason),
    ]


def rows(columns: Sequence[Column[Row]], of: Iterable[Row]) -> list[list[Any]]:
    """The cells of each row."""
    return [[column.value(one) for column in columns] for one in of]


def _start_unix_ns() -> Column[Any]:
    meaning = "Session time 0 in Unix nanoseconds."
    return Column("start_unix_ns", "whole", meaning, lambda one: one.start_unix_ns)


def _labelled(labels: Sequence[str]) -> list[Column[Any]]:
    def score(label: str) -> Column[Any]:
        return Column(
            f"score_{label}", "number", f"Probability of {label}.", lambda one: (one.scores or {}).get(label)
        )

    return [
        Column("label", "text", "The most probable label.", lambda one: one.label),
        Column("confidence", "number", "Its probability.", lambda one: one.confidence),
        Column("valence", "number", "From unpleasant (-1) to pleasant (1).", lambda one: one.valence),
        Column("arousal", "number", "From calm (-1) to excited (1).", lambda one: one.arousal),
        *map(score, labels),
    ]


def _said() -> list[Column[Emotion]]:
    def part(name: str, kind: Kind, meaning: str, field: str) -> Column[Emotion]:
        return Column(
            name, kind, meaning, lambda one: getattr(one.transcript, field) if one.transcript else None
        )

    return [
        part("words", "text", "What was said.", "text"),
        part("words_confidence", "number", "How sure the recogniser is.", "confidence"),
        part("language", "text", "Language code.", "language"),
        part("recogniser", "text", "What recognised the words.", "asr"),
    ]


def _modalities(conversation: Conversation) -> list[Column[Emotion]]:
    """Five columns for each modality that any label tells of."""
    told = {name for one in conversation.utterances for name in one.modalities}
    names = [*MODALITIES, *sorted(told - set(MODALITIES))]

    def part(name: str, field: str, kind: Kind, meaning: str) -> Column[Emotion]:
        return Column(
            f"{name}_{field}",
            kind,
            meaning,
            lambda one: getattr(one.modalities[name], field) if name in one.modalities else None,
        )

    return [
        column
        for name in names
        for column in (
            part(name, "present", "flag", f"Whether the label was made from {name}."),
            part(name, "imputed", "flag", f"Whether something stands in for {name}."),
            part(name, "weight", "number", f"The share of {name} in the label."),
            part(name, "reason", "text", f"Why {name} is missing."),
            part(name, "usual", "whole", f"Utterances that tell what {name} usually is for this speaker."),
        )
    ]


def _others(one: Emotion) -> str | None:
    if not one.others:
        return None
    return json.dumps(
        [{"speaker": other.speaker, "start": other.start, "end": other.end} for other in one.others]
    )


def _points(one: Face) -> str:
    return json.dumps([[point.x, point.y] for point in one.points])
