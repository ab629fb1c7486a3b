"""What our own small encoders take and give: shapes, rates, mel filters and the names of their classes."""

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
MEL_FILTERS = Path(__file__).with_name("mel_filters.safetensors")
"""Whisper's: triangles of equal area on Slaney's mel scale from 0 to 8,000 Hz, float32 [80, 201]; those of torchaudio's
`melscale_fbanks`, which is not installed for one call."""
VOICE_DIM = 128
"""Numbers in a segment's descriptor."""
VOICE_EMOTIONS = ("neutral", "calm", "joy", "sadness", "anger", "fear", "disgust", "surprise")
"""RAVDESS's eight emotions, in the order of its own numbering (Livingstone and Russo 2018)."""
