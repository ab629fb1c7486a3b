"""What happens in the demonstration clip, in seconds of clip time; the renderer draws it and tests hold the tracker to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One spoken line: who says it (0 left, 1 right), when it starts, the words, and the emotion that anybody hears in them."""

    speaker: int
    start: float
    words: str
    label: str


LINES = (
    Line(0, 0.6, "I am so happy to see you. This is wonderful.", "joy"),
    Line(1, 4.9, "The meeting starts at ten in the small room.", "neutral"),
    Line(1, 9.1, "How could you lose the keys? I am so angry with you.", "anger"),
    Line(0, 14.1, "I am so sorry. I feel sad and alone.", "sadness"),
    Line(1, 23.3, "The keys are on the table in the kitchen.", "neutral"),
    Line(0, 27.3, "Really? Oh my god, I cannot believe it.", "surprise"),
)
CAMERA_COVERED = (8.6, 18.0)
"""The picture is black while one speaker is angry and the other sad: their portraits are not."""
MICROPHONE_MUTED = (18.5, 22.7)
"""The sound is digital silence; the left mouth goes on moving."""
MUTED_LABEL = "joy"
"""What the left portrait shows meanwhile."""
DURATION = 31.2
