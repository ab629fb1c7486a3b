"""A network as a graph (torch.export), with the axes of its spec left open; what the compiling backends start from."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.export import Dim, ExportedProgram, export

from emotrack.engines.engine import EngineRefused
from emotrack.engines.spec import Axis, Spec
from emotrack.model.errors import first_line

if TYPE_CHECKING:
    from torch import nn


def exported(spec: Spec, network: "nn.Module") -> ExportedProgram:
    """The graph of `network`; raises `EngineRefused` where it has something that cannot be put into one."""
    dimensions = {name: Dim(name, min=axis.minimum, max=axis.maximum) for name, axis in spec.axes.items() if _open(axis)}
    shapes = tuple(
        {place: dimensions[side.name] for place, side in enumerate(port.shape) if isinstance(side, Axis) and _open(side)}
        for port in spec.inputs
    )
    # torch takes a length of 0 or 1 for a constant, and two axes of one length for the same.
    sizes = {name: min(axis.maximum, max(axis.minimum, 2) + place) for place, (name, axis) in enumerate(spec.axes.items())}
    sample = spec.samples(sizes, np.random.default_rng(0))[0]
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return export(network, tuple(torch.from_numpy(sample[port.name]) for port in spec.inputs), dynamic_shapes=shapes)
    except Exception as error:
        # torch raises many kinds; each of them means that this network stays as it is.
        raise EngineRefused(f"torch cannot export it: {first_line(error)}") from error


def _open(axis: Axis) -> bool:
    return axis.minimum < axis.maximum
