"""A stand-in for a voice embedder: each utterance says in its samples who speaks, and is described as real
ones are."""

import numpy as np


class FakeVoices:
    """Cosines as Resemblyzer gives them: one voice 0.7 alike at one second and 0.9 at eight, two voices 0.15
    less."""

    rate = 16_000

    def __init__(self, noise: float = 1.0) -> None:
        self._noise = noise

    def embed(self, audio: np.ndarray) -> np.ndarray | None:
        if len(audio) < 0.3 * self.rate or not audio.any():
            return None
        speaker, take = int(audio[0]), int(audio[1])
        own = np.random.default_rng(speaker).normal(0, 1, 256)
        common = np.random.default_rng(0).normal(0, 1, 256)
        noise = np.random.default_rng((speaker, take)).normal(0, 1, 256)
        amount = self._noise * 0.43 * (len(audio) / self.rate) ** -0.65
        vector: np.ndarray = np.sqrt(0.8) * common + np.sqrt(0.2) * own + np.sqrt(amount) * noise
        vector /= np.linalg.norm(vector)
        return vector


def utterance(speaker: int, seconds: float, take: int = 1) -> np.ndarray:
    """Samples at 16 kHz that `FakeVoices` takes for `seconds` of this speaker (from 1); each take sounds a
    little different."""
    samples = np.full(round(seconds * FakeVoices.rate), 0.5, np.float32)
    samples[:2] = speaker, take
    return samples
