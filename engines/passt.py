"""Audio segments described by PaSST (Koutini et al. 2022, "Efficient Training of Audio Transformers with Patchout").

The network comes from the optional package `hear21passt`. Its mel front end draws a random number and rebuilds its filter bank at
every call; here the bank of evaluation mode is built once, which gives the same numbers (a test compares the two).
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchaudio.compliance.kaldi import get_mel_banks

from emotrack.model.errors import UserError

_ARCHITECTURE = "passt_s_swa_p16_128_ap476"
_FFT, _WINDOW, _HOP, _BANDS = 1024, 800, 320, 128
_HIGHEST = 15_000.0
"""Hertz: the upper edge of the filter bank, as the published weights were evaluated."""


class PasstEncoder:
    """Describes audio by the mean of PaSST's class and distillation tokens."""

    rate = 32_000
    window = 2.0
    hop = 1.0
    dim = 768

    def __init__(self, weights: str | Path | None = "", *, device: str = "cpu") -> None:
        """Load PaSST from the file `weights`; "" stands for the published AudioSet weights in torch's hub cache.

        With None the network is random: of use to tests and to training from scratch only. Raises `UserError` where the
        package or the weights are missing or wrong.
        """
        passt = _import_passt()
        self._device = torch.device(device)
        path = _published(passt.default_cfgs[_ARCHITECTURE]["url"]) if weights == "" else weights
        state = None if path is None else _read(Path(path))
        self.network = passt.get_model(arch=_ARCHITECTURE, pretrained=False)
        if state is not None:
            try:
                self.network.load_state_dict(state)
            except (RuntimeError, TypeError) as error:
                raise UserError(f"{path} does not hold PaSST's weights; give a checkpoint of {_ARCHITECTURE}.") from error
        self.network.to(self._device).eval()
        self._mel = LogMel().to(self._device)
        # It was built for ten seconds and says so at other lengths, which its cut time embedding allows.
        self.network.patch_embed.img_size = (_BANDS, round(self.window * self.rate) // _HOP)
        self.encode(np.zeros((1, round(self.window * self.rate)), np.float32))

    def encode(self, segments: np.ndarray) -> np.ndarray:
        """Describe float32 segments [k, window * rate] as float32 [k, dim]; k may be 0."""
        if len(segments) == 0:
            return np.zeros((0, self.dim), np.float32)
        with torch.inference_mode():
            mel = self._mel(torch.from_numpy(segments).to(self._device))
            _, features = self.network(mel[:, None])
        return features.float().cpu().numpy()


class LogMel(nn.Module):
    """PaSST's log-mel picture of sound at 32 kHz in evaluation mode: [k, samples] to [k, 128, 10 ms frames]."""

    bank: torch.Tensor
    window: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        bank, _ = get_mel_banks(_BANDS, _FFT, float(PasstEncoder.rate), 0.0, _HIGHEST, 100.0, -500.0, 1.0)
        self.register_buffer("bank", nn.functional.pad(bank, (0, 1)), persistent=False)
        self.register_buffer("window", torch.hann_window(_WINDOW, periodic=False), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        emphasised = samples[:, 1:] - 0.97 * samples[:, :-1]
        spectrum = torch.stft(emphasised, _FFT, _HOP, _WINDOW, window=self.window, return_complex=True)
        power = spectrum.real**2 + spectrum.imag**2
        return ((self.bank @ power + 1e-5).log() + 4.5) / 5


def _import_passt() -> Any:
    try:
        passt: Any = import_module("hear21passt.models.passt")
    except ImportError as error:
        raise UserError(f"PaSST needs a package that is missing ({error}); pip install 'emotrack[passt]' brings it.") from error
    # It prints itself when built and its shapes when first run; standard output belongs to data.
    passt.print = lambda *_: None
    return passt


def _published(url: str) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if not path.is_file():
        raise UserError(f"PaSST's weights are not on this machine; fetch them with: curl -L --create-dirs -o '{path}' {url}")
    return path


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"There are no PaSST weights at {path}; give the path of a checkpoint.") from error
    except Exception as error:
        # What the reader raises over a file that holds something else is up to that file's bytes.
        raise UserError(f"{path} does not hold PaSST's weights; give a checkpoint of {_ARCHITECTURE}.") from error
