"""Weights that an ONNX graph does not hold itself: they stay in the files that its network is built from (external initializers).

So a graph that ships takes little room, and its weights are there once.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from safetensors import safe_open

from emotrack.engines.definition import Definition
from emotrack.engines.spec import Spec
from emotrack.model.converted import read_converted

EXTERNAL = "weights.json"


class ExternalTensor(msgspec.Struct, frozen=True):
    """Where the values of one of a graph's initializers are."""

    tensor: str
    """Its name in the file of weights."""
    transposed: bool
    """Whether the graph has the matrix transposed."""


def external_weights(spec: Spec, folder: Path) -> dict[str, np.ndarray]:
    """Float32 values by name of the initializer, of those that the graph in `folder` does not hold; none where it holds all."""
    path = folder / EXTERNAL
    if not path.is_file():
        return {}
    assert isinstance(spec.definition, Definition)
    tensors = weight_tensors(spec.definition)
    found = msgspec.json.decode(path.read_bytes(), type=dict[str, ExternalTensor])
    placed = {name: tensors[one.tensor].T if one.transposed else tensors[one.tensor] for name, one in found.items()}
    return {name: np.ascontiguousarray(values) for name, values in placed.items()}


def weight_tensors(definition: Definition) -> dict[str, np.ndarray]:
    """All tensors of a network's file of weights in float32, the low-rank factors of its adapter, if it has one, added to them.

    Those of the Whisper encoder that it sits on, if it does, are beside them. See `networks.adapting.merge`, which does the same to
    a torch module.
    """
    weights, adapter, base = (definition.arguments.get(name) for name in ("weights", "adapter", "base"))
    tensors = {} if weights is None else _read(weights)
    if base is not None:
        tensors |= read_converted(base, "encoder/")
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
