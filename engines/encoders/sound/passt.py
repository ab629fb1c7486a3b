"""Audio segments described by PaSST (Koutini et al. 2022, "Efficient Training of Audio Transformers with
Patchout").

Its own mel front end draws a random number and rebuilds its filter bank at every call; here the bank of
evaluation mode is built once, which gives the same numbers (a test compares the two).
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.engine import RunnableEngine, run_in_parts
from emotrack.engines.contract.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError

RATE = 32_000
BANDS = 128
_FFT, _WINDOW, _HOP = 1024, 800, 320
_LOWEST, _HIGHEST = 0.0, 15_000.0
"""Hertz: the edges of the filter bank, as the published weights were evaluated."""
_PUBLISHED = (
    "https://github.com/kkoutini/PaSST/releases/download/v0.0.1-audioset/passt-s-f128-p16-s10-ap.476-swa.pt"
)


class PasstEncoder:
    """Describes audio by the mean of PaSST's class and distillation tokens."""

    rate = RATE
    window = 2.0
    hop = 1.0
    dim = 768

    def __init__(self, pool: EnginePool, weights: str | Path | None = "") -> None:
        """Open PaSST with the file `weights`; "" stands for the published AudioSet weights in torch's hub
        cache.

        With None the network is random: of use to tests only.
        Raises `UserError` where the package or the weights are missing or wrong.
        """
        self._engine: RunnableEngine = pool.engine(
            passt_spec(None if weights is None else _find_weights(weights), round(self.window))
        )

    def encode(self, segments: np.ndarray) -> np.ndarray:
        """Describe float32 segments [k, window * rate] as float32 [k, dim]; k may be 0."""
        if not len(segments):
            return np.zeros((0, self.dim), np.float32)
        return run_in_parts(self._engine, "pictures", log_mel(segments), _BATCH.maximum)["descriptors"]


_BATCH = batch_axis(4)


def passt_spec(weights: Path | None, seconds: int) -> Spec:
    """PaSST for segments of so many `seconds`; with `weights` None it is random, for tests."""
    frames = frames_of(seconds * RATE)

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        noise = random.normal(size=(sizes["batch"], seconds * RATE)).astype(np.float32)
        return [{"pictures": log_mel(level * noise)} for level in (0.1, 0.0, 10.0)]

    return Spec(
        name=f"passt-{seconds}s",
        inputs=(Port("pictures", "float32", (_BATCH, BANDS, frames)),),
        outputs=(Port("descriptors", "float32", (_BATCH, PasstEncoder.dim)),),
        definition=Definition(
            "emotrack.engines.networks.passt",
            {"weights": weights, "frames": frames},
            packages=("hear21passt", "timm"),
        ),
        samples=samples,
    )


def frames_of(samples: int) -> int:
    """Columns of the mel picture of so many samples."""
    return 1 + (samples - 1) // _HOP


def log_mel(samples: np.ndarray) -> np.ndarray:
    """PaSST's log-mel picture of sound at 32 kHz in evaluation mode: float32 [k, samples] to [k, 128, 10 ms
    frames]."""
    emphasised = samples[:, 1:] - np.float32(0.97) * samples[:, :-1]
    padded = np.pad(emphasised, ((0, 0), (_FFT // 2, _FFT // 2)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT, axis=1)[:, ::_HOP]
    power = np.abs(np.fft.rfft(frames * _taper())).astype(np.float32) ** 2
    found: np.ndarray = (
        ((np.log(power @ mel_bank().T + 1e-5) + 4.5) / 5).transpose(0, 2, 1).astype(np.float32)
    )
    return found


@cache
def mel_bank() -> np.ndarray:
    """Triangles on Kaldi's mel scale (1127 ln(1 + f / 700)), float32 [128, 513]; the bin of half the rate is
    left out."""
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    bins = _mel(np.arange(_FFT // 2) * RATE / _FFT)
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(min=0)
    return np.pad(triangles, ((0, 0), (0, 1))).astype(np.float32)


def _mel(hertz: Any) -> Any:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


@cache
def _taper() -> np.ndarray:
    """A Hann window of `_WINDOW` samples in the middle of `_FFT`."""
    return np.pad(np.hanning(_WINDOW), (_FFT - _WINDOW) // 2).astype(np.float32)


def _find_weights(weights: str | Path) -> Path:
    if weights != "":
        path = Path(weights)
        if not path.is_file():
            raise UserError(f"There are no PaSST weights at {path}; give the path of a checkpoint.")
        return path
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    torch_home = Path(os.environ.get("TORCH_HOME") or Path(cache_home) / "torch")
    path = torch_home / "hub" / "checkpoints" / _PUBLISHED.rsplit("/", 1)[-1]
    if not path.is_file():
        raise UserError(
            f"PaSST's weights are not on this machine; fetch them with: curl -L --create-dirs -o '{path}' "
            f"{_PUBLISHED}"
        )
    return path
