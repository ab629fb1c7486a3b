"""The parts of a bundle one after the other, each kept in a work folder so that an interrupted build goes on where it stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
from sklearn.metrics import recall_score
from torch import nn

from emotrack.engines.text import TextEncoder
from emotrack.engines.weights import fill
from emotrack.model.face import FaceNetwork
from emotrack.model.voice import VOICE_EMOTIONS, VoiceNetwork
from emotrack.training.corpora import Dialogue, Faces, SpeechClip, read_samples
from emotrack.training.dialogues import ReadDialogue, attach
from emotrack.training.face import FaceSettings, face_accuracy, train_face
from emotrack.training.speech import trim
from emotrack.training.voice import ACTORS, VoiceSettings, targets_of, train_voice, voice_predictions

Advance = Callable[[str], None]
"""Told after each step of a stage how it stands, in a few words."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Trimmed sounds, the number of each one's emotion int [n], its actor's number int [n]."""

    sounds: Sequence[np.ndarray]
    emotions: np.ndarray
    actors: np.ndarray

    def of(self, split: str) -> "Speech":
        """The sounds of the actors of one split."""
        chosen = np.flatnonzero(np.isin(self.actors, list(ACTORS[split]))).tolist()
        return Speech([self.sounds[index] for index in chosen], self.emotions[chosen], self.actors[chosen])


def read_speech(clips: Sequence[SpeechClip]) -> Speech:
    """Decode and trim clips."""
    return Speech([trim(read_samples(clip.path)) for clip in clips], targets_of(clips), np.array([clip.actor for clip in clips]))


def save_half(network: nn.Module, path: Path) -> None:
    """Write a network's weights in half precision, the form in which voice and face ship."""
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    safetensors.torch.save_file(tensors, unfinished)
    unfinished.replace(path)


def voice_stage(speech: Speech, settings: VoiceSettings, path: Path, advance: Advance) -> VoiceNetwork:
    """The voice network, trained unless `path` holds it already, and read back from there as it ships."""
    heard, unheard = speech.of("train"), speech.of("dev")
    if not path.exists():

        def after_epoch(epoch: int, network: VoiceNetwork) -> None:
            recall = voice_recall(network, unheard) if epoch % 10 == 9 else None
            advance("" if recall is None else f"dev actors {recall:.1%}")

        save_half(train_voice(heard.sounds, heard.emotions, settings, after_epoch), path)
    network = VoiceNetwork()
    fill(network, path, "voice")
    return network


def voice_recall(network: VoiceNetwork, speech: Speech) -> float:
    """Unweighted accuracy: recall averaged over the eight emotions, one answer per clip."""
    every = range(len(VOICE_EMOTIONS))
    named = voice_predictions(network, speech.sounds)
    return float(recall_score(speech.emotions, named, labels=list(every), average="macro", zero_division=0))


def face_stage(faces: Faces, settings: FaceSettings, path: Path, advance: Advance) -> FaceNetwork:
    """The expression network, trained unless `path` holds it already, and read back from there as it ships."""
    valid = faces.of("valid")
    if not path.exists():

        def after_epoch(epoch: int, network: FaceNetwork) -> None:
            advance(f"valid {face_accuracy(network, valid):.1%}")

        save_half(train_face(faces.of("train"), settings, after_epoch), path)
    network = FaceNetwork()
    fill(network, path, "face")
    return network


def text_stage(dialogues: Sequence[Dialogue], path: Path, advance: Advance) -> list[ReadDialogue]:
    """The dialogues with their text encoded, unless `path` holds the tokens already."""
    if not path.exists():
        encoder, texts = TextEncoder(), []
        for dialogue in dialogues:
            texts += [encoder.encode(line.text).astype(np.float16) for line in dialogue.lines]
            advance("")
        np.savez(path, values=np.concatenate(texts), counts=np.array([len(text) for text in texts]))
    with np.load(path) as kept:
        tokens = np.split(kept["values"], np.cumsum(kept["counts"])[:-1])
    return attach(dialogues, tokens)
