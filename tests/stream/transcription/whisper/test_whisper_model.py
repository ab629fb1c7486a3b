"""Where the model runs and what it computes in, by what the hardware has, and what is said when that is not
the best."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
from faster_whisper import WhisperModel

from emotrack.errors import UserError
from emotrack.stream.transcription.whisper import model as whisper_model
from emotrack.stream.transcription.whisper.model import LoadedWhisper, WhisperOptions, load
from helpers.networks.whisper import build_tiny_whisper

pytestmark = pytest.mark.xdist_group("whisper")  # the model is built once

ON_GPU = {"float16", "float32", "int8_float16"}
ON_PROCESSOR = {"int8", "float32"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.getbasetemp() / "whisper")


@pytest.fixture
def options(weights: Path) -> Callable[..., WhisperOptions]:
    def make(device: Any = "auto", compute_type: str = "auto", workers: int = 1) -> WhisperOptions:
        return WhisperOptions(weights, device, compute_type, threads=1, workers=workers)

    return make


class Hardware:
    """What CTranslate2 finds on the machine; what a GPU would run, the processor does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gpus, self.cublas, self.driver = 1, True, True
        self.types = {"cuda": ON_GPU, "cpu": ON_PROCESSOR}
        self.built: list[tuple[str, str]] = []
        self._real = WhisperModel
        monkeypatch.setattr(whisper_model, "WhisperModel", self._build)
        monkeypatch.setattr(whisper_model, "load_cublas", lambda: self.cublas)
        monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: self.gpus)
        monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda device: self.types[device])

    def _build(self, path: str, device: str, compute_type: str, **options: Any) -> object:
        if device == "cuda" and not self.driver:
            raise RuntimeError("CUDA driver version is insufficient.\nin a file of theirs")
        self.built.append((device, compute_type))
        return self._real(path, device="cpu", compute_type="float32", **options)


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Hardware:
    return Hardware(monkeypatch)


@pytest.mark.parametrize(
    ("device", "gpus", "built"),
    [
        ("auto", 1, ("cuda", "float16")),
        ("cuda", 1, ("cuda", "float16")),
        ("auto", 0, ("cpu", "int8")),
        ("cpu", 1, ("cpu", "int8")),
    ],
)
def test_the_compute_type_goes_by_the_hardware(
    hardware: Hardware, options: Callable[..., WhisperOptions], device: str, gpus: int, built: tuple[str, str]
) -> None:
    hardware.gpus = gpus
    assert load(options(device)).remarks == ()
    assert hardware.built == [built]


def test_this_machines_processor_computes_in_integers(options: Callable[..., WhisperOptions]) -> None:
    loaded = load(options("cpu", workers=2))
    assert isinstance(loaded, LoadedWhisper)
    assert loaded.model.model.compute_type.startswith("int8")
    assert loaded.model.model.num_workers == 2


@pytest.mark.parametrize(
    ("device", "remark"),
    [
        ("cuda", "Whisper computes in float32, which is slower, as this GPU has no float16."),
        ("cpu", "Whisper computes in float32, which is slower, as this processor has no int8."),
    ],
)
def test_hardware_without_the_fast_type_is_said(
    hardware: Hardware, options: Callable[..., WhisperOptions], device: str, remark: str
) -> None:
    hardware.types = {"cuda": {"float32"}, "cpu": {"float32"}}
    assert load(options(device)).remarks == (remark,)
    assert hardware.built == [(device, "float32")]


def test_a_compute_type_that_is_asked_for_is_taken_or_refused(
    hardware: Hardware, options: Callable[..., WhisperOptions]
) -> None:
    load(options("cuda", "int8_float16"))
    assert hardware.built == [("cuda", "int8_float16")]
    with pytest.raises(
        UserError, match=r"cannot compute in float16 on this processor; .*=TYPE takes auto, float32, int8"
    ):
        load(options("cpu", "float16"))


def test_a_gpu_that_is_not_there_is_said(hardware: Hardware, options: Callable[..., WhisperOptions]) -> None:
    hardware.gpus = 0
    with pytest.raises(
        UserError, match=r"Whisper finds no GPU; --set stream\.transcription\.device=cpu does without a GPU"
    ):
        load(options("cuda"))


def test_a_gpu_without_cublas_is_said(hardware: Hardware, options: Callable[..., WhisperOptions]) -> None:
    hardware.cublas = False
    with pytest.raises(
        UserError, match=r"finds no cuBLAS 12, which the GPU needs; pip install 'emotrack\[gpu\]' brings that"
    ):
        load(options("cuda"))
    sentence = "Whisper finds no cuBLAS 12, which the GPU needs, so it runs on the processor"
    assert load(options("auto")).remarks == (f"{sentence}; pip install 'emotrack[gpu]' brings that.",)
    assert hardware.built == [("cpu", "int8")]


def test_the_processor_stands_in_for_a_gpu_that_fails(
    hardware: Hardware, options: Callable[..., WhisperOptions]
) -> None:
    hardware.driver = False
    sentence = "Whisper cannot run on the GPU: CUDA driver version is insufficient"
    with pytest.raises(UserError, match=sentence):
        load(options("cuda"))
    assert load(options("auto")).remarks == (
        f"{sentence}, so it runs on the processor; --set stream.transcription.device=cpu does without a GPU.",
    )
    assert hardware.built == [("cpu", "int8")]
