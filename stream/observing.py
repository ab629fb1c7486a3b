"""What a final label was made from, for a program that wants to look into it; nothing keeps it unless it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emotrack.model.memory import SpeakerMemory
from emotrack.stream.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One final label and everything that it follows from. Personal data: words, voice and face."""

    utterance: int
    source: str
    speaker: str
    start: float
    """Session time of the first sample, seconds."""
    end: float
    evidence: Evidence
    audio_16k: np.ndarray
    """What was heard: float32 [n] at 16 kHz, empty for a window of a feed without sound."""
    memory: SpeakerMemory
    """The dialogue before this utterance, as far as its live label depends on it."""
    probabilities: np.ndarray
    """The live label's, float64 [C] in the order of the bundle's classes."""
    bundle: str
    """Identifier of the bundle that labelled it."""


Observer = Callable[[Conclusion], None]
"""Called once for each final label, on the session's own thread, after its utterance was committed."""
