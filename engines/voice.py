"""How a voice sounds, by our own log-mel network: an `AudioEncoder` at 16 kHz (see segments.py for how speech is cut)."""

from pathlib import Path

import numpy as np
import torch

from emotrack.engines.weights import fill
from emotrack.model.voice import VOICE_DIM, VOICE_HOP, VOICE_RATE, VOICE_WINDOW, VoiceNetwork


class VoiceEncoder:
    """Describes segments of speech; the level of the recording makes no difference."""

    rate: int = VOICE_RATE
    window: float = VOICE_WINDOW
    hop: float = VOICE_HOP
    dim: int = VOICE_DIM

    def __init__(self, weights: Path, *, device: str = "cpu") -> None:
        """Load the voice network's `weights`; raises UserError where they are not its own."""
        self._network = VoiceNetwork()
        fill(self._network, weights, "voice")
        self._network.to(device)
        self._device = device

    @torch.inference_mode()
    def encode(self, segments: np.ndarray) -> np.ndarray:
        """Describe segments float32 [k, 24000] as float32 [k, 128]; k may be 0."""
        if not len(segments):
            return np.zeros((0, VOICE_DIM), np.float32)
        descriptors, _ = self._network(torch.from_numpy(segments).to(self._device))
        return descriptors.cpu().numpy()
