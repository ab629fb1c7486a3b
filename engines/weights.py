"""Weights of our own small networks, read from their safetensors file and refused in one sentence where they do not fit."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from emotrack.model.errors import UserError


def fill(network: nn.Module, path: Path, name: str) -> None:
    """Give `network` the weights of a file, whatever precision they are stored in, and set it to run.

    `name` says in messages which network it is. Raises UserError where the file is missing or is not of this network.
    """
    try:
        tensors = safetensors.torch.load_file(path)
    except OSError as error:
        raise UserError(f"The {name} network's weights cannot be read from {path}: {error.strerror or error}.") from error
    except SafetensorError as error:
        raise UserError(f"{path} is no safetensors file ({error}); fetch or train the bundle again.") from error
    expected = {key: tensor.shape for key, tensor in network.state_dict().items()}
    if {key: tensor.shape for key, tensor in tensors.items()} != expected:
        raise UserError(f"{path} does not hold the weights of the {name} network; fetch or train the bundle again.")
    network.load_state_dict(tensors)
    network.eval().requires_grad_(False)
