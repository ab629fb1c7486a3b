"""Our own voice network: how 1.5 seconds of speech sound, as a descriptor and as the eight emotions of RAVDESS.

The mel filters are kept as a constant beside this file, so that the same samples always give the same descriptor.
"""

from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from emotrack.model.formats import MEL_FILTERS, VOICE_DIM, VOICE_EMOTIONS
from emotrack.model.residual import ResidualBlock

FRAME, STEP = 512, 160
QUIET = 1e-4
"""A segment quieter than this root mean square (-80 dB) is taken for silence and not amplified to speech level."""
FLOOR = 1e-3
"""Mel power below which nothing is told apart, for a segment of root mean square 1: hides the noise floor of the recording."""

WIDTHS = (32, 48, 96, 160)


class LogMel(nn.Module):
    """Log-mel spectrogram of level-normalised segments: [B, n] to [B, 64, frames]. The gain of the microphone cancels."""

    exact = True
    """Powers of a spectrum span more than fp16 holds."""
    waves: torch.Tensor
    filters: torch.Tensor

    def __init__(self, filters: Path) -> None:
        super().__init__()
        bins = FRAME // 2 + 1
        angles = -2 * torch.pi / FRAME * torch.arange(bins, dtype=torch.float64)[:, None] * torch.arange(FRAME)
        waves = torch.cat([angles.cos(), angles.sin()]) * torch.hann_window(FRAME, dtype=torch.float64)
        self.register_buffer("waves", waves[:, None].float(), persistent=False)
        self.register_buffer("filters", safetensors.torch.load_file(filters)["filters"], persistent=False)

    def forward(self, segments: torch.Tensor) -> torch.Tensor:
        """Compute the spectrogram in float32, roughly centred on 0; a convolution with waves, which every backend has."""
        values = segments.float()
        level = values.square().mean(dim=1, keepdim=True).sqrt().clamp(min=QUIET)
        real, imaginary = nn.functional.conv1d((values / level).unsqueeze(1), self.waves, stride=STEP).chunk(2, dim=1)
        return (self.filters @ (real.square() + imaginary.square()) + FLOOR).log() / 4


class VoiceNetwork(nn.Module):
    """A residual network on the spectrogram, pooled over pitch, then by mean and maximum over time: 0.6 M parameters."""

    def __init__(self, filters: Path = MEL_FILTERS) -> None:
        """`filters`: the file of the mel filters that the weights learnt on."""
        super().__init__()
        stem, first, second, third = WIDTHS
        self.spectrogram = LogMel(filters)
        self.layers = nn.Sequential(
            nn.Conv2d(1, stem, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            ResidualBlock(stem, first),
            ResidualBlock(first, second, stride=2),
            ResidualBlock(second, third, stride=2),
        )
        self.describe = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * third, VOICE_DIM), nn.LayerNorm(VOICE_DIM))
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(VOICE_DIM, len(VOICE_EMOTIONS)))

    def forward(self, segments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Describe segments [B, 24000] of samples at 16 kHz: descriptors [B, 128] and emotion logits [B, 8]."""
        return self.classify(self.spectrogram(segments))

    def classify(self, spectrograms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same from spectrograms [B, 64, frames]."""
        maps = self.layers(spectrograms.unsqueeze(1).to(next(self.layers.parameters()).dtype)).mean(dim=2)
        descriptors = self.describe(torch.cat([maps.mean(dim=2), maps.amax(dim=2)], dim=1))
        return descriptors, self.head(descriptors)
