"""Who spoke when, as a test compares it with a reference: RTTM files, and the diarization error rate of
pyannote.metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks from `start` to `end`, in seconds."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class DiarizationError:
    """Seconds of error and of reference speech; overlapping speech counts once per speaker."""

    missed: float
    false_alarm: float
    confusion: float
    total: float

    @property
    def rate(self) -> float:
        return (self.missed + self.false_alarm + self.confusion) / self.total

    def __str__(self) -> str:
        parts = (
            f"missed {self.missed:.2f} s, false alarm {self.false_alarm:.2f} s, confusion "
            f"{self.confusion:.2f} s"
        )
        return f"DER {self.rate:.1%} ({parts} of {self.total:.2f} s)"


def read_rttm(path: Path, recording: str) -> list[Turn]:
    """The turns of one recording in an RTTM file, by start."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    turns = [
        Turn(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows if row[1] == recording
    ]
    return sorted(turns, key=lambda turn: (turn.start, turn.end))


def diarization_error(reference: Sequence[Turn], answer: Sequence[Turn]) -> DiarizationError:
    """Error of `answer` under the best one-to-one mapping of its speakers to the reference's, without a
    collar."""
    whole = Timeline([Segment(0, max(turn.end for turn in [*reference, *answer]))])
    parts = DiarizationErrorRate()(_annotation(reference), _annotation(answer), uem=whole, detailed=True)
    return DiarizationError(
        parts["missed detection"], parts["false alarm"], parts["confusion"], parts["total"]
    )


def _annotation(turns: Sequence[Turn]) -> Annotation:
    annotation = Annotation()
    for number, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), number] = turn.speaker
    return annotation
