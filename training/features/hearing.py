"""The sound of an utterance, as the live path would hear it, or as an acted clip is made ready for training."""

import threading
import zlib
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from emotrack.model.errors import UserError
from emotrack.model.formats import VOICE_RATE
from emotrack.stream.clock import SessionClock
from emotrack.stream.hearing.audio import AudioBlock, BlockCutter
from emotrack.stream.media import AUDIO_RATE, AudioChunk, MediumChange
from emotrack.training.corpora.ravdess import read_samples
from emotrack.training.corpora.records import Utterance
from emotrack.training.features.reading import LONGEST, TOO_LONG, Unreadable, open_medium, spoilt
from emotrack.training.speech import disturb, trim


def hear_clip(path: Path, rate: int) -> np.ndarray:
    """The whole sound of a clip in the tracker's own blocks, float32 [n] at `rate` (16 or 32 kHz); raises `Unreadable`."""
    cutter, blocks = BlockCutter(), []
    for item in open_medium(path, "audio").items(SessionClock(), threading.Event()):
        if isinstance(item, AudioChunk):
            if item.start > LONGEST:
                raise Unreadable(TOO_LONG)
            blocks += [one for one in cutter.push(item) if isinstance(one, AudioBlock)]
        elif isinstance(item, MediumChange) and (reason := spoilt(item, "audio")):
            raise Unreadable(reason)
    blocks += cutter.flush()
    return np.concatenate([block.samples_32k if rate == AUDIO_RATE else block.samples_16k for block in blocks])


def hear_acted(utterance: Utterance, rate: int) -> np.ndarray:
    """An acted clip without the silence around it, float32 [n] at `rate`, disturbed where it is a copy; raises `Unreadable`.

    All is done at 16 kHz, the rate of the voice network's training. A copy is disturbed by its name and number alone.
    """
    assert utterance.sound is not None
    try:
        samples = trim(read_samples(utterance.sound))
    except (UserError, ValueError) as error:
        raise Unreadable(str(error)) from None
    if utterance.row.version:
        seed = (utterance.row.version, zlib.crc32(utterance.row.name.encode()))
        samples = disturb(samples, np.random.default_rng(seed))
    return samples if rate == VOICE_RATE else resample_poly(samples, rate // VOICE_RATE, 1).astype(np.float32)
