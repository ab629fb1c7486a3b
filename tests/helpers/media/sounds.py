"""Sounds in which nobody speaks, float32 [n] at 16 kHz, within ±1."""

import numpy as np
from scipy.signal import butter, lfilter

RATE = 16_000


def wordless_sounds(seconds: float) -> dict[str, np.ndarray]:
    """Ten of them by name, the same at every call."""
    noise = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    white = noise.standard_normal(time.size)
    sounds = {
        "silence": 1e-3 * white,
        "white noise": 0.1 * white,
        "mains hum": 0.1 * sum(np.sin(2 * np.pi * 50 * part * time) / part for part in range(1, 8)),
        "music": _music(time),
        "breath": 0.05 * _band(white, 300, 3_000) * np.clip(np.sin(2 * np.pi * time / 2.5), 0, 1) ** 2,
        "keys": _strokes(time, np.arange(0.1, seconds, 0.17), 0.3 * white, 300),
        "knocking": _strokes(time, np.arange(0.3, seconds, 0.45), 0.5 * np.sin(2 * np.pi * 150 * time), 40),
        "beeps": 0.2 * np.sin(2 * np.pi * 1_000 * time) * (time % 1 < 0.2),
        "engine": 0.2 * _band(np.sign(np.sin(2 * np.pi * 80 * time)) + 0.3 * white, 60, 1_500),
        "cough": 0.3 * _band(white, 400, 5_000) * np.exp(-15 * (time % 1.3)),
    }
    return {name: np.clip(sound, -1, 1).astype(np.float32) for name, sound in sounds.items()}


def _band(sound: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.asarray(lfilter(*butter(2, [low, high], "band", fs=RATE), sound))


def _strokes(time: np.ndarray, moments: np.ndarray, sound: np.ndarray, decay: float) -> np.ndarray:
    """A sound that is struck at moments and dies away."""
    return sum(
        (sound * np.where(time < at, 0, np.exp(-decay * np.maximum(time - at, 0))) for at in moments),
        np.zeros(time.size),
    )


def _music(time: np.ndarray) -> np.ndarray:
    """A tune of plucked strings, four notes a second."""
    tune = (261.6, 329.6, 392.0, 523.3, 440.0, 349.2, 293.7, 392.0)
    played = np.zeros(time.size)
    for number in range(int(time[-1] / 0.25) + 1):
        since = np.maximum(time - number * 0.25, 0)
        note = sum(np.sin(2 * np.pi * tune[number % 8] * part * since) / part for part in (1, 2, 3))
        played += 0.08 * note * np.exp(-4 * since)
    return played
