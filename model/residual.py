"""The residual block that our own small voice and face networks are built of (He et al., arXiv 1512.03385, figure 2)."""

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions added to the block's input: [B, inputs, h, w] to [B, outputs, h / stride, w / stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        return torch.relu(self.body(values) + self.shortcut(values))
