"""What was said, line by line; of hours what tells most."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emotrack.stream.views.report.facts.certainty import sureness
from emotrack.stream.views.report.facts.missing import meaning
from emotrack.stream.views.report.facts.turning import TurningPoint
from emotrack.stream.views.report.wording import said
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

LINES = 1_000
"""Lines of a transcript at most."""
LETTERS = 600
"""Letters of a line at most."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the transcript; `skipped` lines before it are left out."""

    said: Emotion
    text: str
    language: str | None
    why_not: str
    """Why there are no words."""
    sure: str
    points: Sequence[int]
    skipped: int


def kept_lines(
    utterances: Sequence[Emotion], points: Sequence[TurningPoint], most: int = LINES
) -> Sequence[Emotion]:
    """The lines of a transcript: all, or of many the turning points, then those that are not neutral, then
    the surest; in order of time."""
    if len(utterances) <= most:
        return utterances
    turning = {point.utterance.utterance for point in points if point.utterance is not None}

    def weight(one: Emotion) -> tuple[bool, bool, float]:
        return one.utterance in turning, one.label != "neutral", one.confidence

    chosen = {one.utterance for one in sorted(utterances, key=weight, reverse=True)[:most]}
    return [one for one in utterances if one.utterance in chosen]


def transcript(conversation: Conversation, points: Sequence[TurningPoint]) -> Sequence[Line]:
    """What was said, line by line."""
    places = {one.utterance: place for place, one in enumerate(conversation.utterances)}
    lines, before = [], -1
    for one in kept_lines(conversation.utterances, points):
        words, text = one.transcript, one.modalities.get("text")
        language = words.language if words is not None else None
        lines.append(
            Line(
                said=one,
                text=said(words.text, LETTERS).strip() if words is not None else "",
                language=language if language and _LANGUAGE.fullmatch(language) else None,
                why_not=meaning(text.reason or "no words") if text is not None else "no words",
                sure=sureness(one.confidence),
                points=[
                    number
                    for number, point in enumerate(points, 1)
                    if point.utterance is not None and point.utterance.utterance == one.utterance
                ],
                skipped=places[one.utterance] - before - 1,
            )
        )
        before = places[one.utterance]
    return lines


def skipped_last(conversation: Conversation, points: Sequence[TurningPoint]) -> int:
    """Lines that are left out at the end."""
    kept = kept_lines(conversation.utterances, points)
    return len(conversation.utterances) - 1 - conversation.utterances.index(kept[-1]) if kept else 0
