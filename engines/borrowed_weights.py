"""Weights that a graph does not hold itself: they stay in the files that its network is built from, and are lent at each start.

So a graph that ships takes little room, and its weights are there once.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from safetensors import safe_open

from emotrack.engines.definition import Definition
from emotrack.engines.spec import Spec

BORROWED = "weights.json"


class Borrowed(msgspec.Struct, frozen=True):
    """Where the values of one of a graph's constants are."""

    tensor: str
    """Its name in the file of weights."""
    turned: bool
    """Whether the graph has the matrix the other way round."""


def borrowed_weights(spec: Spec, folder: Path) -> dict[str, np.ndarray]:
    """The values, float32 by name of the constant, of what the graph in `folder` borrows; of one that holds everything, none."""
    path = folder / BORROWED
    if not path.is_file():
        return {}
    assert isinstance(spec.definition, Definition)
    lent = lent_tensors(spec.definition)
    found = msgspec.json.decode(path.read_bytes(), type=dict[str, Borrowed])
    return {name: np.ascontiguousarray(lent[one.tensor].T if one.turned else lent[one.tensor]) for name, one in found.items()}


def lent_tensors(definition: Definition) -> dict[str, np.ndarray]:
    """All tensors of a network's file of weights in float32, the low-rank factors of its adapter, if it has one, added to them.

    See `networks.adapting.merge`, which does the same to a torch module.
    """
    weights, adapter = definition.arguments.get("weights"), definition.arguments.get("adapter")
    tensors = {} if weights is None else _read(weights)
    factors: Mapping[str, np.ndarray] = {} if adapter is None else _read(adapter)
    for name in factors:
        layer, _, half = name.rpartition(".")
        if half == "up":
            weight = f"{layer}.weight"
            tensors[weight] = tensors[weight] + factors[name] @ factors[f"{layer}.down"]
    return tensors


def _read(path: Path) -> dict[str, np.ndarray]:
    with safe_open(path, framework="numpy") as file:
        return {name: np.asarray(file.get_tensor(name), np.float32) for name in file.keys()}  # noqa: SIM118 - no mapping
