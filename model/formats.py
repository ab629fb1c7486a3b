"""What our own small encoders take and give: shapes, rates, the names of their classes, and where emotions
lie between unpleasant and pleasant, calm and excited."""

from collections.abc import Mapping
from pathlib import Path

FACE_SIZE = 48
"""Side of a face crop in pixels: the size of the FER2013 images it learns from."""
FACE_DIM = 128
"""Numbers in a face's descriptor."""
EXPRESSIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
"""The classes of FER+ (Barsoum et al., arXiv 1608.01041), in the order of its vote columns."""

VOICE_RATE = 16_000
VOICE_WINDOW = 2.0
"""Seconds in a segment."""
VOICE_HOP = 1.0
"""Seconds from one segment's start to the next one's."""
MEL_FILTERS = Path(__file__).parent / "modules" / "mel_filters.safetensors"
"""Whisper's: triangles of equal area on Slaney's mel scale from 0 to 8,000 Hz, float32 [80, 201]; those of
torchaudio's `melscale_fbanks`, which is not installed for one call."""
VOICE_DIM = 128
"""Numbers in a segment's descriptor."""
VOICE_EMOTIONS = ("neutral", "calm", "joy", "sadness", "anger", "fear", "disgust", "surprise")
"""RAVDESS's eight emotions, in the order of its own numbering (Livingstone and Russo 2018)."""


COORDINATES: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "joy": (0.76, 0.48),
    "sadness": (-0.63, -0.27),
    "anger": (-0.51, 0.59),
    "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
}
"""Valence and arousal by emotion, each from -1 to 1."""


def valence_and_arousal(probabilities: Mapping[str, float]) -> tuple[float, float] | tuple[None, None]:
    """Valence and arousal of a label, each from -1 to 1; None for labels of which no coordinates are
    known."""
    if not probabilities.keys() <= COORDINATES.keys():
        return None, None
    valence, arousal = (
        sum(share * COORDINATES[name][axis] for name, share in probabilities.items()) for axis in (0, 1)
    )
    return min(max(valence, -1.0), 1.0), min(max(arousal, -1.0), 1.0)
