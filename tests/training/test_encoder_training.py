"""The voice and face networks learn, from the same seed the same, on a handful of sounds and pictures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from emotrack.model.face import EXPRESSIONS, FaceNetwork
from emotrack.model.voice import VoiceNetwork
from emotrack.training.corpora import Faces
from emotrack.training.face import FaceSettings, distort, face_accuracy, face_outputs, train_face
from emotrack.training.losses import soft_cross_entropy
from emotrack.training.speech import BLOCK, disturb, trim
from emotrack.training.voice import VoiceSettings, hide, train_voice, voice_outputs, voice_predictions
from helpers.corpora import tone

FACES = FaceSettings(epochs=2, batch=8)
VOICES = VoiceSettings(epochs=2, batch=8)


def faces() -> Faces:
    random = np.random.default_rng(0)
    votes = 10 * np.eye(10, dtype=int)[random.integers(0, 8, 24)]
    pictures = random.integers(0, 60, (24, 48, 48)).astype(np.uint8)
    for picture, shown in zip(pictures, votes.argmax(axis=1), strict=True):
        picture[shown * 6 : shown * 6 + 6] += 150
    return Faces(pictures, votes, np.array(["train"] * 24))


def sounds() -> tuple[list[np.ndarray], np.ndarray]:
    emotions = np.arange(16) % 8
    return [tone(int(emotion), 1.0, seed=number) for number, emotion in enumerate(emotions)], emotions


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_training_faces_lowers_the_loss() -> None:
    data = faces()
    targets = torch.from_numpy(data.votes[:, :8] / 10).float()

    def loss(network: FaceNetwork) -> float:
        return soft_cross_entropy(torch.from_numpy(face_outputs(network, data.images)[1]), targets).item()

    torch.manual_seed(FACES.seed)
    before = loss(FaceNetwork())
    trained = train_face(data, replace(FACES, epochs=8), lambda epoch, network: None)
    assert loss(trained) < before


def test_faces_from_the_same_seed_give_the_same_network() -> None:
    epochs: list[int] = []
    one, two = (train_face(faces(), FACES, lambda epoch, network: epochs.append(epoch)) for _ in range(2))
    assert epochs == [0, 1, 0, 1]
    assert same(one, two)
    assert not same(one, train_face(faces(), replace(FACES, seed=2), lambda epoch, network: None))


def test_faces_that_nobody_could_name_are_not_learnt_from() -> None:
    data = faces()
    votes = data.votes.copy()
    votes[12:] = [0, 0, 0, 0, 0, 0, 0, 0, 2, 8]
    some = Faces(data.images, votes, data.splits)
    fewer = Faces(data.images[:12], data.votes[:12], data.splits[:12])
    assert same(*(train_face(one, FACES, lambda epoch, network: None) for one in (some, fewer)))


def test_face_accuracy_counts_majorities_only() -> None:
    class Certain(FaceNetwork):
        def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros(len(crops), 1), torch.eye(8)[torch.zeros(len(crops), dtype=torch.long)]

    votes = np.array([[9, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 9, 1, 0, 0, 0, 0, 0, 0, 0], [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]])
    assert EXPRESSIONS[0] == "neutral"
    assert face_accuracy(Certain(), Faces(np.zeros((3, 48, 48), np.uint8), votes, np.array(["test"] * 3))) == 0.5


def test_distorted_faces_differ_each_and_stay_in_range() -> None:
    picture = torch.from_numpy(faces().images[:1]).float().repeat(6, 1, 1)
    distorted = distort(picture, torch.Generator().manual_seed(0))
    assert distorted.shape == picture.shape
    assert distorted.min() >= 0
    assert distorted.max() <= picture.max() + 1e-3
    assert len({round(one.mean().item(), 4) for one in distorted}) == 6


def test_training_voices_lowers_the_loss() -> None:
    clips, emotions = sounds()
    targets = torch.eye(8)[torch.from_numpy(emotions)]

    def loss(network: VoiceNetwork) -> float:
        logits = torch.cat([torch.from_numpy(logits) for _, logits in voice_outputs(network, clips)])
        return soft_cross_entropy(logits, targets).item()

    torch.manual_seed(VOICES.seed)
    before = loss(VoiceNetwork())
    trained = train_voice(clips, emotions, replace(VOICES, epochs=8), lambda epoch, network: None)
    assert loss(trained) < before
    assert voice_predictions(trained, clips).shape == (16,)


def test_voices_from_the_same_seed_give_the_same_network() -> None:
    one, two = (train_voice(*sounds(), VOICES, lambda epoch, network: None) for _ in range(2))
    assert same(one, two)


def test_silence_around_speech_is_trimmed() -> None:
    silence = np.zeros(32 * BLOCK, np.float32)
    speech = tone(0, 1.0)
    trimmed = trim(np.concatenate([silence, speech, silence]))
    assert len(trimmed) == pytest.approx(len(speech) + 10 * BLOCK, abs=2 * BLOCK)


@pytest.mark.parametrize("seed", range(8))
def test_disturbed_speech_is_finite_float32(seed: int) -> None:
    disturbed = disturb(tone(1, 1.2), np.random.default_rng(seed))
    assert disturbed.dtype == np.float32
    assert np.isfinite(disturbed).all()
    assert len(disturbed) > 8_000


def test_hiding_covers_bands_and_times() -> None:
    spectrograms = torch.randn(4, 64, 147)
    hidden = hide(spectrograms, torch.Generator().manual_seed(0))
    changed = (hidden != spectrograms).float().mean(dim=(1, 2))
    assert (changed > 0).all()
    assert (changed < 0.6).all()
