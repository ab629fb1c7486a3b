"""What our own small networks share: how their weights are read from safetensors, and the residual block they
are built of (He et al., arXiv 1512.03385, figure 2)."""

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from emotrack.errors import UserError


def fill(network: nn.Module, path: Path, name: str) -> None:
    """Give `network` the weights of a file, whatever precision they are stored in, and set it to run.

    `name` says in messages which network it is. Raises UserError where the file is missing or is not of this
    network.
    """
    try:
        tensors = safetensors.torch.load_file(path)
    except OSError as error:
        raise UserError(
            f"The {name} network's weights cannot be read from {path}: {error.strerror or error}."
        ) from error
    except SafetensorError as error:
        raise UserError(
            f"{path} is no safetensors file ({error}); fetch or train the bundle again."
        ) from error
    expected = {key: tensor.shape for key, tensor in network.state_dict().items()}
    if {key: tensor.shape for key, tensor in tensors.items()} != expected:
        raise UserError(
            f"{path} does not hold the weights of the {name} network; fetch or train the bundle again."
        )
    network.load_state_dict(tensors)
    network.eval().requires_grad_(False)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions added to the block's input: [B, inputs, h, w] to [B, outputs, h / stride, w /
    stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, gated: bool = False) -> None:
        """`gated` weighs the channels of what is added, see `ChannelGate`."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        if gated:
            self.body.append(ChannelGate(outputs))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        return torch.relu(self.body(values) + self.shortcut(values))


class ChannelGate(nn.Module):
    """Weighs each channel of [B, channels, h, w] by 0 to 2, from the means of all (squeeze and excitation,
    arXiv 1709.01507).

    Untrained it weighs all by 1, so that a network can be given gates after it was trained without.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 8)
        self.excite = nn.Linear(channels // 8, channels)
        nn.init.zeros_(self.excite.weight)
        nn.init.zeros_(self.excite.bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Apply the gate."""
        weights = 2 * torch.sigmoid(self.excite(torch.relu(self.squeeze(values.mean(dim=(2, 3))))))
        return values * weights[:, :, None, None]
