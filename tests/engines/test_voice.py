"""The voice encoder."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from emotrack.engines.segments import SegmentRule
from emotrack.engines.voice import VoiceEncoder, voice_spec
from emotrack.model.errors import UserError
from emotrack.model.face import FaceNetwork
from emotrack.model.voice import VoiceNetwork
from helpers.corpora import tone
from helpers.engines import pool

SAMPLES = 24_000


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> VoiceEncoder:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("voice") / "voice.safetensors"
    safetensors.torch.save_file(VoiceNetwork().state_dict(), path)
    return VoiceEncoder(pool().engine(voice_spec(path)))


def speech(count: int) -> np.ndarray:
    return np.stack([tone(number, 1.5, seed=number) for number in range(count)])


def test_the_rule_for_cutting_gives_what_it_wants(encoder: VoiceEncoder) -> None:
    segments = SegmentRule.of(encoder).all(tone(0, 3.3))
    assert segments.shape == (4, SAMPLES)
    assert encoder.encode(segments).shape == (4, encoder.dim)


def test_batching_changes_nothing(encoder: VoiceEncoder) -> None:
    segments = speech(5)
    together = encoder.encode(segments)
    apart = np.concatenate([encoder.encode(segment[None]) for segment in segments])
    assert together.dtype == np.float32
    assert np.abs(together - apart).max() <= 1e-5


def test_no_segments_no_descriptors(encoder: VoiceEncoder) -> None:
    assert encoder.encode(np.zeros((0, SAMPLES), np.float32)).shape == (0, encoder.dim)


@pytest.mark.parametrize("gain", [0.05, 0.5, 3.0])
def test_the_level_of_the_microphone_makes_no_difference(encoder: VoiceEncoder, gain: float) -> None:
    segments = speech(2)
    assert np.abs(encoder.encode(segments) - encoder.encode(segments * np.float32(gain))).max() <= 1e-3


def test_silence_is_finite_and_stays_silence(encoder: VoiceEncoder) -> None:
    silence = np.zeros((1, SAMPLES), np.float32)
    hiss = (1e-8 * np.random.default_rng(0).normal(size=(1, SAMPLES))).astype(np.float32)
    assert np.isfinite(encoder.encode(silence)).all()
    assert np.abs(encoder.encode(silence) - encoder.encode(hiss)).max() < 0.05


def test_the_same_sound_always_gives_the_same_descriptor(encoder: VoiceEncoder) -> None:
    assert np.array_equal(encoder.encode(speech(3)), encoder.encode(speech(3)))


def test_other_weights_are_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file(FaceNetwork().state_dict(), tmp_path / "face.safetensors")
    with pytest.raises(UserError, match="does not hold the weights of the voice network"):
        VoiceEncoder(pool().engine(voice_spec(tmp_path / "face.safetensors")))
    with pytest.raises(UserError, match="cannot be read"):
        VoiceEncoder(pool().engine(voice_spec(tmp_path / "none.safetensors")))
