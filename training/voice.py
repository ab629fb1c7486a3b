"""Teaches the voice network RAVDESS, split by actor.

No voice that it is judged on, or that fusion learns from, is one that it has heard.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from emotrack.model.voice import VOICE_EMOTIONS, VoiceNetwork
from emotrack.training.corpora import SpeechClip
from emotrack.training.losses import soft_cross_entropy
from emotrack.training.speech import RULE, disturb

ACTORS = {"train": range(1, 15), "fusion": range(15, 19), "dev": range(19, 21), "test": range(21, 25)}
"""Numbers of the actors of each split; odd ones are men and even ones women, so each split has as many of either.

The voice network learns from "train"; fusion learns from what it makes of the voices of "fusion", which it has not heard.
"""


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """How the voice network is trained; `rate` is the highest learning rate of a one-cycle schedule."""

    epochs: int = 120
    batch: int = 32
    rate: float = 2e-3
    decay: float = 0.05
    smoothing: float = 0.1
    seed: int = 1


def of_split(clips: Sequence[SpeechClip], name: str) -> list[SpeechClip]:
    """The clips of the actors of one split."""
    return [clip for clip in clips if clip.actor in ACTORS[name]]


def targets_of(clips: Sequence[SpeechClip]) -> np.ndarray:
    """The emotion's number of each clip, int [n]."""
    return np.array([VOICE_EMOTIONS.index(clip.emotion) for clip in clips])


def hide(spectrograms: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """SpecAugment (Park et al., arXiv 1904.08779): cover one band and two stretches of time of [B, 64, frames] by the mean."""
    count, bands, frames = spectrograms.shape
    fill = spectrograms.mean(dim=(1, 2), keepdim=True)
    for axis, size, widest in ((1, bands, 12), (2, frames, 25), (2, frames, 25)):
        width = torch.randint(0, widest + 1, (count, 1), generator=generator)
        start = (torch.rand(count, 1, generator=generator) * (size - width)).long()
        place = torch.arange(size)
        covered = (place >= start) & (place < start + width)
        spectrograms = torch.where(covered.unsqueeze(3 - axis), fill, spectrograms)
    return spectrograms


def train_voice(
    sounds: Sequence[np.ndarray],
    targets: np.ndarray,
    settings: VoiceSettings,
    after_epoch: Callable[[int, VoiceNetwork], None],
) -> VoiceNetwork:
    """Train on trimmed `sounds` (float32 [n] each, 16 kHz) with emotion numbers `targets`; return the network.

    Each epoch shows one random segment of every sound, differently disturbed each time.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    uniform = settings.smoothing / len(VOICE_EMOTIONS)
    shares = torch.eye(len(VOICE_EMOTIONS))[torch.from_numpy(targets)] * (1 - settings.smoothing) + uniform
    network = VoiceNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = max(1, len(sounds) // settings.batch)
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=settings.epochs * batches, pct_start=0.2)
    for epoch in range(settings.epochs):
        network.train()
        order = torch.randperm(len(sounds), generator=generator)
        for chosen in order.tensor_split(batches):
            cut = [RULE.all(disturb(sounds[index], random)) for index in chosen.tolist()]
            segments = torch.from_numpy(np.stack([pieces[random.integers(len(pieces))] for pieces in cut]))
            optimizer.zero_grad()
            spectrograms = hide(network.spectrogram(segments), generator)
            with torch.autocast("cpu", torch.bfloat16):
                _, logits = network.classify(spectrograms)
            soft_cross_entropy(logits.float(), shares[chosen]).backward()
            optimizer.step()
            schedule.step()
        after_epoch(epoch, network)
    return network


@torch.inference_mode()
def voice_outputs(network: VoiceNetwork, sounds: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Descriptors float32 [k, 128] and logits [k, 8] of the k segments of each sound."""
    network.eval()
    outputs = [network(torch.from_numpy(RULE.all(sound))) for sound in sounds]
    return [(descriptors.numpy(), logits.numpy()) for descriptors, logits in outputs]


def voice_predictions(network: VoiceNetwork, sounds: Sequence[np.ndarray]) -> np.ndarray:
    """The emotion's number for each whole sound, int [n]: its segments' probabilities are averaged."""
    named = [torch.from_numpy(logits).softmax(dim=1).mean(dim=0) for _, logits in voice_outputs(network, sounds)]
    return torch.stack(named).argmax(dim=1).numpy()
