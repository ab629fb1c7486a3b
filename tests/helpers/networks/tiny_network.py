"""A network that compiles in a second: the mean of the valid rows of a sequence, through one layer."""

from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.spec import EXACT, Arrays, Axis, Port, Sizes, Spec, Tolerance, batch_axis

WIDTH, CLASSES = 4, 3
INPUTS: Arrays = {"values": np.ones((1, 2, WIDTH), np.float32), "counts": np.array([2])}


class TinyNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, CLASSES)

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        mask = torch.arange(values.shape[1], device=values.device) < counts[:, None]
        total = torch.where(mask[..., None], values, 0.0).sum(1)
        logits: Tensor = self.layer(total / counts.clamp(min=1)[:, None])
        return logits


def network(weights: Path) -> TinyNetwork:
    found = TinyNetwork()
    found.load_state_dict(safetensors.torch.load_file(weights))
    return found.eval().requires_grad_(False)


def save(weights: Path, seed: int = 0) -> Path:
    """Random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        safetensors.torch.save_file(TinyNetwork().state_dict(), weights)
    return weights


def spec(weights: Path, *, tolerance: Tolerance = EXACT, longest: int = 8) -> Spec:
    batch = batch_axis()
    length = Axis("length", tuple(bucket for bucket in (2, 4, 8, 16) if bucket <= longest), typical=3)
    return Spec(
        name="tiny",
        inputs=(Port("values", "float32", (batch, length, WIDTH)), Port("counts", "int64", (batch,))),
        outputs=(Port("logits", "float32", (batch, CLASSES)),),
        definition=Definition("helpers.networks.tiny_network", {"weights": weights}),
        samples=samples,
        tolerance=tolerance,
        decides="logits",
        gains_from_batching=True,
    )


def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    values = random.normal(size=(sizes["batch"], sizes["length"], WIDTH)).astype(np.float32)
    counts = random.integers(0, sizes["length"] + 1, sizes["batch"])
    return [
        {"values": values, "counts": np.full_like(counts, sizes["length"])},
        {"values": values, "counts": counts},
    ]
