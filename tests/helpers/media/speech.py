"""Real media for tests of what listens: the speech of the demonstration clip, files, and measuring found
speech."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import av
import numpy as np

from emotrack.stream.hearing.audio import AudioBlock, BlockCutter
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk

SCORE_STEP = 0.001
"""Seconds; the resolution at which speech is compared."""


@cache
def demo_speech() -> np.ndarray:
    """The sound of the demonstration clip, float32 [n] at 32 kHz: spoken lines with silence between."""
    return read_sound(Path(str(files("emotrack") / "demo" / "clip.mp4")))


def read_sound(path: Path, rate: int = AUDIO_RATE) -> np.ndarray:
    """The sound of a media file, float32 [n], mono."""
    resampler = av.AudioResampler("flt", "mono", rate)
    with av.open(str(path)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def blocks_of(samples: np.ndarray) -> list[AudioBlock]:
    """The blocks of a sound that came as one chunk."""
    cutter = BlockCutter()
    whole = [*cutter.push(AudioChunk(0.0, samples)), *cutter.flush()]
    return [block for block in whole if isinstance(block, AudioBlock)]


@dataclass(frozen=True, slots=True)
class SpeechOverlap:
    """Seconds of reference speech that were found and missed, and of found speech where the reference has
    none."""

    found: float
    missed: float
    false_alarm: float


def speech_overlap(rttm: Path, segments: Iterable[tuple[float, float]]) -> SpeechOverlap:
    """Compare segments (start and end in seconds) with the speech of an RTTM file, of whichever speaker."""
    lines = [line.split() for line in rttm.read_text().splitlines() if line.startswith("SPEAKER")]
    reference = _marked((float(line[3]), float(line[3]) + float(line[4])) for line in lines)
    heard = _marked(segments)
    length = max(len(reference), len(heard))
    reference, heard = (np.pad(marks, (0, length - len(marks))) for marks in (reference, heard))
    counts = (reference & heard, reference & ~heard, heard & ~reference)
    return SpeechOverlap(*(round(float(marks.sum()) * SCORE_STEP, 3) for marks in counts))


def _marked(segments: Iterable[tuple[float, float]]) -> np.ndarray:
    bounds = [(round(start / SCORE_STEP), round(end / SCORE_STEP)) for start, end in segments]
    marks = np.zeros(max((end for _, end in bounds), default=0), bool)
    for start, end in bounds:
        marks[start:end] = True
    return marks
