"""Teaches the voice network RAVDESS, split by actor.

No voice that it is judged on, or that fusion learns from, is one that it has heard.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from sklearn.metrics import recall_score
from typing_extensions import Self

from emotrack.model.errors import UserError
from emotrack.model.formats import VOICE_EMOTIONS
from emotrack.model.voice import VoiceNetwork
from emotrack.training.corpora.ravdess import ACTORS, SpeechClip, read_ravdess, read_samples
from emotrack.training.losses import soft_cross_entropy
from emotrack.training.settings import Training
from emotrack.training.speech import RULE, disturb, trim
from emotrack.training.task import fingerprint_of, halved

FOLDS = ((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22))
"""Actors of five folds with as many women as men, within one (Luna-Jiménez et al., Sensors 2021, 21(22), 7665)."""


class VoiceTraining(Training):
    """How the voice network is trained."""

    train: Literal["voice"] = "voice"
    clips: Path
    """Folder of RAVDESS speech."""
    fold: int | None = Field(None, ge=1, le=len(FOLDS))
    """Learn from all actors but those of one of the five folds, which is how the recipe is evaluated; without, learn from the split
    "train" and be judged by "dev"."""
    batch: int = Field(32, ge=2)
    smoothing: float = Field(0.1, ge=0, lt=1)
    """Label smoothing."""

    @model_validator(mode="after")
    def _blind(self) -> Self:
        if self.fold is not None and self.optimisation.keep == "best":
            raise ValueError("the actors held out of a fold may choose no epoch: set optimisation.keep to last")
        return self

    def actors(self) -> tuple[Collection[int], Collection[int]]:
        """Numbers of the actors to learn from, and of those to be judged by."""
        if self.fold is None:
            return ACTORS["train"], ACTORS["dev"]
        left_out = FOLDS[self.fold - 1]
        return [actor for fold in FOLDS for actor in fold if actor not in left_out], left_out


@dataclass(frozen=True, slots=True)
class Speech:
    """Trimmed sounds, the number of each one's emotion int [n], its actor's number int [n]."""

    sounds: Sequence[np.ndarray]
    emotions: np.ndarray
    actors: np.ndarray

    def of(self, actors: Iterable[int]) -> "Speech":
        """The sounds of some actors."""
        chosen = np.flatnonzero(np.isin(self.actors, list(actors))).tolist()
        return Speech([self.sounds[index] for index in chosen], self.emotions[chosen], self.actors[chosen])


def read_speech(clips: Sequence[SpeechClip]) -> Speech:
    """Decode and trim clips; raises `UserError` where one cannot be decoded or is silent."""
    sounds = []
    for clip in clips:
        try:
            sounds.append(trim(read_samples(clip.path)))
        except ValueError as error:
            raise UserError(f"{clip.path} cannot be learnt from, {error}: fetch it again or remove it.") from None
    return Speech(sounds, targets_of(clips), np.array([clip.actor for clip in clips]))


def fingerprint(settings: VoiceTraining, seed: int) -> str:
    """See `Task.fingerprint`."""
    return fingerprint_of(settings, seed, *(clip.path for clip in read_ravdess(settings.clips)))


class VoiceTask:
    """See `emotrack.training.task.Task`. Each epoch shows one random segment of every sound, differently disturbed each time."""

    part: Literal["voice"] = "voice"

    def __init__(self, settings: VoiceTraining, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        clips = read_ravdess(settings.clips)
        self.fingerprint = fingerprint(settings, seed)
        self.network = VoiceNetwork().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        speech = read_speech(clips)
        self._heard, self._unheard = (_of(speech, actors, settings.clips) for actors in settings.actors())
        uniform = settings.smoothing / len(VOICE_EMOTIONS)
        self._shares = torch.eye(len(VOICE_EMOTIONS))[torch.from_numpy(self._heard.emotions)] * (1 - settings.smoothing) + uniform
        self.steps = max(1, len(self._heard.sounds) // settings.batch)
        self._device = device

    def batches(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Spectrograms [B, 64, frames], partly hidden, and smoothed targets [B, 8]."""
        random = np.random.default_rng((self.seed, epoch))
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        for chosen in torch.randperm(len(self._heard.sounds), generator=generator).tensor_split(self.steps):
            cut = [RULE.all(disturb(self._heard.sounds[index], random)) for index in chosen.tolist()]
            segments = torch.from_numpy(np.stack([pieces[random.integers(len(pieces))] for pieces in cut]))
            with torch.no_grad():
                spectrograms = self.network.spectrogram(segments.to(self._device)).cpu()
            yield hide(spectrograms, generator), self._shares[chosen]

    def losses(self, batch: tuple[torch.Tensor, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Cross-entropy against the smoothed targets."""
        spectrograms, shares = batch
        with torch.autocast(self._device, torch.bfloat16):
            _, logits = self.network.classify(spectrograms.to(self._device))
        return {"emotion": soft_cross_entropy(logits.float(), shares.to(self._device))}

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """All weights move alike."""
        return [{"params": list(self.network.parameters()), "lr": rate}]

    def settle(self, network: torch.nn.Module, epoch: int) -> None:
        """Nothing is fitted."""

    def score(self, network: torch.nn.Module) -> Mapping[str, float]:
        """Unweighted accuracy on the actors to be judged by, in percent."""
        assert isinstance(network, VoiceNetwork)
        return {"score": 100 * voice_recall(network, self._unheard)}

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The weights in half precision."""
        return halved(self.network)

    def notes(self) -> Mapping[str, Any]:
        """The architecture is fixed."""
        return {}


def _of(speech: Speech, actors: Collection[int], folder: Path) -> Speech:
    found = speech.of(actors)
    if not found.sounds:
        raise UserError(f"{folder} holds no clip of any of the actors {', '.join(map(str, actors))}: give the whole of RAVDESS.")
    return found


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


@torch.inference_mode()
def voice_outputs(network: VoiceNetwork, sounds: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Descriptors float32 [k, 128] and logits [k, 8] of the k segments of each sound."""
    network.eval()
    device = next(network.parameters()).device
    outputs = [network(torch.from_numpy(RULE.all(sound)).to(device)) for sound in sounds]
    return [(descriptors.cpu().numpy(), logits.cpu().numpy()) for descriptors, logits in outputs]


def voice_predictions(network: VoiceNetwork, sounds: Sequence[np.ndarray]) -> np.ndarray:
    """The emotion's number for each whole sound, int [n]: its segments' probabilities are averaged."""
    named = [torch.from_numpy(logits).softmax(dim=1).mean(dim=0) for _, logits in voice_outputs(network, sounds)]
    return torch.stack(named).argmax(dim=1).numpy()


def voice_recall(network: VoiceNetwork, speech: Speech) -> float:
    """Unweighted accuracy: recall averaged over the eight emotions, one answer per clip."""
    every = range(len(VOICE_EMOTIONS))
    named = voice_predictions(network, speech.sounds)
    return float(recall_score(speech.emotions, named, labels=list(every), average="macro", zero_division=0))
