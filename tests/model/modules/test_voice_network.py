"""The voice network: its mel filters, the spectrogram and the encoder that it shares with Whisper, and the
reading of its file."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchaudio
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

from emotrack.engines.encoders.sound.voice import find_base
from emotrack.errors import UserError
from emotrack.model.converted import read_converted
from emotrack.model.formats import MEL_FILTERS, VOICE_RATE
from emotrack.model.modules.voice import LEVEL, LogMel, SpeechEncoder
from helpers.networks.whisper import build_tiny_whisper


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("whisper"))


def noise(seconds: float = 2.0) -> np.ndarray:
    sound = np.random.default_rng(0).normal(size=round(seconds * VOICE_RATE)).astype(np.float32)
    sound *= np.float32(LEVEL / np.sqrt((sound**2).mean()))
    return sound


def test_the_filters_kept_are_those_of_whisper() -> None:
    made = torchaudio.functional.melscale_fbanks(
        201, 0.0, 8000.0, 80, VOICE_RATE, norm="slaney", mel_scale="slaney"
    )
    assert torch.equal(safetensors.torch.load_file(MEL_FILTERS)["filters"], made.T)


def test_the_spectrogram_is_that_of_whisper() -> None:
    extractor = WhisperFeatureExtractor()
    wanted = extractor(noise(), sampling_rate=VOICE_RATE, padding="do_not_pad")["input_features"][0]
    found = LogMel(MEL_FILTERS)(torch.from_numpy(noise())[None])[0].numpy()
    assert found.shape == (80, 200)
    assert np.abs(found - wanted).max() < 1e-3


def test_its_layers_are_those_of_the_model_that_was_converted(tiny: Path) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(tiny.parent / "original").get_encoder().eval()
    encoder = SpeechEncoder(read_converted(find_base(str(tiny)), "encoder/"), 1, MEL_FILTERS)
    segment = torch.from_numpy(noise())[None]
    with torch.no_grad():
        frames = torch.nn.functional.gelu(model.conv1(encoder.spectrogram(segment)))
        frames = torch.nn.functional.gelu(model.conv2(frames)).transpose(1, 2)
        frames = frames + model.embed_positions.weight[: frames.shape[1]]
        given = model.layers[0](frames, None)
        wanted = given[0] if isinstance(given, tuple) else given
        pooled = encoder(segment)
    assert pooled.shape == (1, encoder.outputs)
    assert torch.allclose(pooled[:, :16], wanted.mean(dim=1), atol=1e-3)
    assert torch.allclose(pooled[:, 16:], wanted.std(dim=1, correction=0), atol=1e-3)


def test_a_file_that_is_no_such_model_is_one_sentence(tiny: Path, tmp_path: Path) -> None:
    whole = find_base(str(tiny)).read_bytes()
    for name, content in (("cut", whole[:200]), ("other", b"\1\0\0\0" + whole[4:]), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            UserError, match=r"is no model of CTranslate2's version 6 .*: install its package again"
        ):
            read_converted(tmp_path / name, "encoder/")
    with pytest.raises(UserError, match="none cannot be read"):
        read_converted(tmp_path / "none", "encoder/")
    tensors = read_converted(find_base(str(tiny)), "encoder/")
    with pytest.raises(UserError, match="is no Whisper encoder of 2 layers"):
        SpeechEncoder(tensors, 2, MEL_FILTERS)
    with pytest.raises(UserError, match="is no Whisper encoder of 1 layers"):
        SpeechEncoder(read_converted(find_base(str(tiny)), "decoder/"), 1, MEL_FILTERS)
