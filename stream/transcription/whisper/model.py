"""Whisper's model through faster-whisper: loaded where it runs best, and run once."""

import ctypes
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel

from emotrack.errors import first_line
from emotrack.stream.transcription.transcript import RecogniserUnavailable
from emotrack.stream.transcription.whisper.decoding import RATE, decode
from emotrack.stream.transcription.whisper.weights import ANOTHER

WITHOUT_GPU = "--set stream.transcription.device=cpu does without a GPU"

Device = Literal["cpu", "cuda"]
PLACES: dict[Device, str] = {"cpu": "processor", "cuda": "GPU"}
COMPUTE_TYPES: dict[Device, tuple[str, str]] = {"cpu": ("int8", "float32"), "cuda": ("float16", "float32")}
"""On each device the type that is fastest where the hardware has it, and the one that every hardware has."""


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """What a loaded model depends on: sessions with equal options share one."""

    weights: Path
    device: Literal["auto", "cpu", "cuda"]
    compute_type: str
    """A type of CTranslate2, or auto."""
    threads: int
    """Processor threads of a worker."""
    workers: int
    """Utterances that are transcribed at once."""


@dataclass(frozen=True, slots=True)
class LoadedWhisper:
    """A model that has run once."""

    model: WhisperModel
    remarks: tuple[str, ...] = ()
    """Sentences about what was not to be had: a GPU, or the compute type that is fastest there."""


def load(options: WhisperOptions) -> LoadedWhisper:
    """Load the model and run it once, under device auto on the processor where the GPU cannot be used.

    Raises `RecogniserUnavailable` when the weights cannot be run, or the device or compute type asked for
    cannot be had.
    """
    if options.device == "cpu" or (options.device == "auto" and not ctranslate2.get_cuda_device_count()):
        return _on_processor(options)
    try:
        return _on_gpu(options)
    except RecogniserUnavailable as absent:
        if options.device == "cuda":
            raise
        loaded = _on_processor(options)
        return LoadedWhisper(
            loaded.model, (f"{absent.reason}, so it runs on the processor; {absent.remedy}.", *loaded.remarks)
        )


def load_cublas() -> bool:
    """Load cuBLAS 12 from its package, where CTranslate2 does not look, or the system; False where there is
    none."""
    package = importlib.util.find_spec("nvidia.cublas") if importlib.util.find_spec("nvidia") else None
    places = list(package.submodule_search_locations or []) if package else []
    for library in [*(str(Path(place) / "lib" / "libcublas.so.12") for place in places), "libcublas.so.12"]:
        try:
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return True
    return False


def _on_gpu(options: WhisperOptions) -> LoadedWhisper:
    if not ctranslate2.get_cuda_device_count():
        raise RecogniserUnavailable("Whisper finds no GPU", WITHOUT_GPU)
    if not load_cublas():
        raise RecogniserUnavailable(
            "Whisper finds no cuBLAS 12, which the GPU needs", "pip install 'emotrack[gpu]' brings that"
        )
    try:
        return _run_once(options, "cuda")
    except RecogniserUnavailable:
        raise
    except Exception as failure:
        raise RecogniserUnavailable(
            f"Whisper cannot run on the GPU: {first_line(failure)}", WITHOUT_GPU
        ) from failure


def _on_processor(options: WhisperOptions) -> LoadedWhisper:
    try:
        return _run_once(options, "cpu")
    except RecogniserUnavailable:
        raise
    except Exception as failure:
        # CTranslate2 and the tokenizer raise several kinds over files that are damaged, down to plain
        # exceptions.
        reason = f"The Whisper model in {options.weights} cannot be run: {first_line(failure)}"
        raise RecogniserUnavailable(reason, ANOTHER) from failure


def _run_once(options: WhisperOptions, device: Device) -> LoadedWhisper:
    """CTranslate2 finds only when it runs that a library is missing; the first run is also the slowest."""
    compute_type, remarks = _compute_type(options.compute_type, device)
    model = WhisperModel(
        str(options.weights),
        device=device,
        compute_type=compute_type,
        cpu_threads=options.threads,
        num_workers=options.workers,
    )
    decode(model, np.full(RATE, 1e-3, np.float32), None, wanted=lambda: True)
    return LoadedWhisper(model, remarks)


def _compute_type(asked: str, device: Device) -> tuple[str, tuple[str, ...]]:
    supported = ctranslate2.get_supported_compute_types(device)
    fastest, plain = COMPUTE_TYPES[device]
    chosen = fastest if asked == "auto" else asked
    if chosen in supported:
        return chosen, ()
    if asked == "auto":
        return plain, (
            f"Whisper computes in {plain}, which is slower, as this {PLACES[device]} has no {fastest}.",
        )
    choices = ", ".join(["auto", *sorted(supported)])
    raise RecogniserUnavailable(
        f"Whisper cannot compute in {asked} on this {PLACES[device]}",
        f"--set stream.transcription.compute_type=TYPE takes {choices}",
    )
