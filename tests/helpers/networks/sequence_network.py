"""A network with LSTMs that compiles quickly: both ways over a padded sequence, told step by step and as a
whole."""

import numpy as np
import torch
from torch import Tensor, nn

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.exporting import BothWays
from emotrack.engines.contract.spec import Arrays, Axis, Port, Sizes, Spec, batch_axis
from emotrack.model.modules.attention import masked_mean

WIDTH, HIDDEN = 6, 4


class SequenceNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.both_ways = BothWays(nn.LSTM(WIDTH, HIDDEN, batch_first=True, bidirectional=True))

    def forward(self, values: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.arange(values.shape[1], device=values.device) < counts[:, None]
        states = torch.where(mask[..., None], self.both_ways(values, counts), 0.0)
        return states, masked_mean(states, mask)


def network() -> SequenceNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SequenceNetwork().eval().requires_grad_(False)


def sequence_spec() -> Spec:
    batch = batch_axis(4)
    length = Axis("length", (2, 4), typical=2)
    return Spec(
        name="sequence",
        inputs=(Port("values", "float32", (batch, length, WIDTH)), Port("counts", "int64", (batch,))),
        outputs=(
            Port("states", "float32", (batch, length, 2 * HIDDEN)),
            Port("mean", "float32", (batch, 2 * HIDDEN)),
        ),
        definition=Definition("helpers.networks.sequence_network"),
        samples=_samples,
    )


def _samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    values = random.normal(size=(sizes["batch"], sizes["length"], WIDTH)).astype(np.float32)
    full = np.full(sizes["batch"], sizes["length"])
    return [{"values": values, "counts": counts} for counts in (full, random.integers(0, full + 1), 0 * full)]
