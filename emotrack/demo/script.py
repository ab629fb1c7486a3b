"""What happens in the demonstration clip, in seconds of clip time; the renderer draws it and a test holds the tracker to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One spoken line: who says it (0 left, 1 right), when it starts, and the words."""

    speaker: int
    start: float
    words: str


LINES = (
    Line(0, 0.6, "Hello! I am so happy to see you today, this is wonderful."),
    Line(1, 6.2, "Oh no. This is terrible, and I am really angry about it."),
    Line(0, 11.8, "Why are you so angry? What happened to you?"),
    Line(1, 16.2, "I lost my keys again, and I am very sad."),
    Line(0, 25.6, "Oh my god, what a surprise! You found them!"),
)
CAMERA_COVERED = (11.2, 15.6)
"""The picture is black; somebody speaks meanwhile."""
MICROPHONE_MUTED = (20.4, 25.2)
"""The sound is digital silence; the left mouth goes on moving."""
DURATION = 30.5
