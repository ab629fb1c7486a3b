"""Acted speech made ready for training: silence trimmed as voice activity detection would, and recordings disturbed at random."""

import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt

from emotrack.engines.segments import SegmentRule
from emotrack.model.formats import VOICE_HOP, VOICE_RATE, VOICE_WINDOW

BLOCK = 512
MARGIN = 5
"""Blocks kept before and after the speech, about what the tracker's pre-roll and post-roll keep."""

RULE = SegmentRule.seconds(VOICE_RATE, VOICE_WINDOW, VOICE_HOP)


def trim(samples: np.ndarray) -> np.ndarray:
    """The part of a clip with speech: from the first to the last block less than 35 dB below the loudest, and a margin.

    Raises `ValueError` where there is nothing to be heard.
    """
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = np.sqrt((blocks**2).mean(axis=1))
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (-35 / 20))
    if not len(loud):
        raise ValueError("there is nothing to be heard in it")
    return samples[max(0, loud[0] - MARGIN) * BLOCK : (loud[-1] + 1 + MARGIN) * BLOCK]


def disturb(samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The clip as another room, microphone and speaker might give it: speed and pitch, start, colour, echo, noise, a telephone."""
    speed = random.uniform(0.88, 1.14)
    samples = np.interp(np.arange(0, len(samples) - 1, speed), np.arange(len(samples)), samples)
    shift = int(random.integers(-4_000, 4_001))
    samples = np.pad(samples, (shift, 0)) if shift > 0 else samples[-shift:]
    if random.random() < 0.5:
        samples = lfilter([1.0, random.uniform(-0.6, 0.6)], [1.0], samples)
    if random.random() < 0.4:
        decay = random.uniform(0.05, 0.4) * VOICE_RATE
        times = np.arange(1, int(decay))
        echo = random.normal(size=len(times)) * np.exp(-6.9 * times / decay)
        echo *= random.uniform(0.1, 0.8) / np.linalg.norm(echo)
        samples = fftconvolve(samples, np.concatenate([[1.0], echo]))[: len(samples)]
    if random.random() < 0.7:
        noise = random.normal(size=len(samples))
        if random.random() < 0.5:
            noise = lfilter([1.0], [1.0, -random.uniform(0.5, 0.98)], noise)
        loudness = np.sqrt((samples**2).mean()) * 10 ** (-random.uniform(5, 40) / 20)
        samples = samples + noise * loudness / np.sqrt((noise**2).mean())
    if random.random() < 0.2:
        samples = telephone(samples)
    return samples.astype(np.float32)


def telephone(samples: np.ndarray) -> np.ndarray:
    """What a telephone lets through: 300 to 3,400 Hz, in the 256 steps of the mu-law (ITU-T G.711) at 8 kHz."""
    narrow = resample_poly(sosfilt(butter(4, (300, 3_400), "bandpass", fs=VOICE_RATE, output="sos"), samples), 1, 2)
    loudest = np.abs(narrow).max(initial=1e-9)
    steps = np.round(127 * np.sign(narrow) * np.log1p(255 * np.abs(narrow) / loudest) / np.log(256)) / 127
    decoded = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255 * loudest
    return resample_poly(decoded, 2, 1)[: len(samples)]
