"""Networks for torch-tensorrt: one whose mask its defaults would drop, and such as have parts that it cannot
convert."""

import numpy as np
import torch
from torch import Tensor, nn

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.spec import Arrays, Port, Sizes, Spec, batch_axis

LENGTH, WIDTH = 5, 8


class MaskedAttention(nn.Module):
    """Attention by torch's own function."""

    def forward(self, values: Tensor) -> Tensor:
        hidden = torch.arange(LENGTH) < 2
        return nn.functional.scaled_dot_product_attention(values, values, values, attn_mask=~hidden[None])


class Spectrum(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = torch.fft.rfft(values).abs()
        return found


class PoolingPastTheBorder(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.max_pool2d(values, 2, ceil_mode=True)


def spec_of(network: type[nn.Module]) -> Spec:
    """`network`, from values [B, LENGTH, WIDTH] to whatever it gives."""
    return Spec(
        name=network.__name__,
        inputs=(Port("values", "float32", (batch_axis(), LENGTH, WIDTH)),),
        outputs=(Port("found", "float32", ()),),
        definition=Definition(__name__, function=network.__name__),
        samples=_samples,
    )


def _samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    return [{"values": random.normal(size=(sizes["batch"], LENGTH, WIDTH)).astype(np.float32)}]
