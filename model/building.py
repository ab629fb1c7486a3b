"""Builds the network that weights and a configuration describe, ready to run; what does not fit is refused in one sentence."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.errors import UserError
from emotrack.model.manifest import REMEDY
from emotrack.model.network import EmotionNetwork


def load_network(weights: Path, configuration: str) -> EmotionNetwork:
    """The network of a weights file, and of a `NetworkConfiguration` in JSON; raises `UserError` as `build_network` does."""
    try:
        tensors = safetensors.torch.load_file(weights)
    except (SafetensorError, OSError):
        raise UserError(f"The bundle's {weights} cannot be read as a safetensors file: {REMEDY}.") from None
    return build_network(NetworkConfiguration.model_validate_json(configuration), tensors, weights)


def build_network(configuration: NetworkConfiguration, tensors: Mapping[str, Tensor], path: Path) -> EmotionNetwork:
    """The network with these weights, which are from `path`.

    Raises `UserError` where a tensor is missing, unknown, of another shape, or not finite.
    """
    network = EmotionNetwork(configuration).eval()
    network.joint.freeze()
    expected = network.state_dict()
    for problem, names in (
        ("lacks", expected.keys() - tensors.keys()),
        ("has an unknown", tensors.keys() - expected.keys()),
    ):
        if names:
            raise UserError(f"The bundle's {path} {problem} tensor {min(names)!r}: {REMEDY}.")
    for name, wanted in expected.items():
        given = tensors[name]
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            raise UserError(
                f"The bundle's {path} has {name!r} as {given.dtype} {list(given.shape)} where its configuration needs "
                f"{wanted.dtype} {list(wanted.shape)}: {REMEDY}."
            )
        if not bool(torch.isfinite(given).all()):
            raise UserError(f"The bundle's {path} has a value that is not finite in {name!r}: {REMEDY}.")
    network.load_state_dict(tensors)
    return network.requires_grad_(False)
