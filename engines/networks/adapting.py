"""Low-rank adapters of a sentence encoder (LoRA, Hu et al., arXiv 2106.09685, equation 3).

They are added to the encoder's weights once, so that running it costs what it did.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from emotrack.model.errors import UserError
from emotrack.model.manifest import REMEDY


def linear_layers(encoder: nn.Module) -> dict[str, nn.Linear]:
    """The layers that can be adapted, by name: every linear one of the encoder's blocks (BERT's `encoder.layer`)."""
    return {
        name: module
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and name.startswith("encoder.layer.")
    }


@torch.no_grad()
def merge(encoder: nn.Module, factors: Mapping[str, Tensor], source: str) -> None:
    """W += up @ down in every layer that has factors `<layer>.down` [r, in] and `<layer>.up` [out, r]; r may differ by layer.

    Nothing is changed where any of them does not fit; then raises `UserError`, which names `source` as where they are from.
    """
    layers = linear_layers(encoder)
    changes: dict[str, Tensor] = {}
    for name in sorted({key.rpartition(".")[0] for key in factors}):
        down, up = factors.get(f"{name}.down"), factors.get(f"{name}.up")
        if name not in layers or down is None or up is None:
            raise UserError(f"{source} has factors {name!r} that this text model has no layer for, or only one of them; {REMEDY}.")
        rows, columns = layers[name].weight.shape
        if down.ndim != 2 or up.ndim != 2 or (len(up), *down.shape) != (rows, up.shape[1], columns):
            shapes = f"{list(up.shape)} and {list(down.shape)}"
            raise UserError(f"{source} has factors of shapes {shapes} for {name!r} of shape {[rows, columns]}; {REMEDY}.")
        changes[name] = up.float() @ down.float()
        if not bool(changes[name].isfinite().all()):
            raise UserError(f"{source} has a value that is not finite for {name!r}; {REMEDY}.")
    if unknown := factors.keys() - {f"{name}.{half}" for name in changes for half in ("down", "up")}:
        raise UserError(f"{source} has an unknown tensor {min(unknown)!r}; {REMEDY}.")
    for name, change in changes.items():
        layers[name].weight += change.to(layers[name].weight)
