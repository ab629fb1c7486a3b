"""A network as a graph (torch.export) with the axes of its spec left open, which is what compiling backends
start from; and an LSTM over padded sequences as one operation of such a graph, which each backend puts in its
own terms."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from emotrack.engines.contract.engine import EngineRefused
from emotrack.engines.contract.spec import Axis, Spec
from emotrack.errors import first_line

if TYPE_CHECKING:
    from torch import nn


def exported(spec: Spec, network: "nn.Module") -> ExportedProgram:
    """The graph of `network`; raises `EngineRefused` where it has something that cannot be put into one."""
    dimensions = {
        name: Dim(name, min=axis.minimum, max=axis.maximum) for name, axis in spec.axes.items() if _open(axis)
    }
    shapes = tuple(
        {
            place: dimensions[side.name]
            for place, side in enumerate(port.shape)
            if isinstance(side, Axis) and _open(side)
        }
        for port in spec.inputs
    )
    # torch takes a length of 0 or 1 for a constant, and two axes of one length for the same.
    sizes = {
        name: min(axis.maximum, max(axis.minimum, 2) + place)
        for place, (name, axis) in enumerate(spec.axes.items())
    }
    sample = spec.samples(sizes, np.random.default_rng(0))[0]
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return export(
                network,
                tuple(torch.from_numpy(sample[port.name]) for port in spec.inputs),
                dynamic_shapes=shapes,
            )
    except Exception as error:
        # torch raises many kinds; each of them means that this network stays as it is.
        raise EngineRefused(f"torch cannot export it: {first_line(error)}") from error


def _open(axis: Axis) -> bool:
    return axis.minimum < axis.maximum


@torch.library.custom_op("emotrack::lstm", mutates_args=())
def lstm(
    values: Tensor, input_weight: Tensor, state_weight: Tensor, input_bias: Tensor, state_bias: Tensor
) -> Tensor:
    """Hidden states [B, n, h] of one LSTM over `values` [B, n, w], from zero; the weights are those of
    `nn.LSTM`."""
    start = values.new_zeros(1, values.shape[0], state_weight.shape[1])
    weights = [input_weight, state_weight, input_bias, state_bias]
    states, _, _ = torch.lstm(values, (start, start), weights, True, 1, 0.0, False, False, True)
    return states.clone(memory_format=torch.contiguous_format)  # laid out as the line below promises


@lstm.register_fake
def _(
    values: Tensor, input_weight: Tensor, state_weight: Tensor, input_bias: Tensor, state_bias: Tensor
) -> Tensor:
    return values.new_empty(values.shape[0], values.shape[1], state_weight.shape[1])


def lstm_by_steps(
    values: Tensor, input_weight: Tensor, state_weight: Tensor, input_bias: Tensor, state_bias: Tensor
) -> Tensor:
    """The same by cell steps, for sequences of a length that is known when the graph is made."""
    given = nn.functional.linear(values, input_weight, input_bias + state_bias)
    hidden = cell = values.new_zeros(values.shape[0], state_weight.shape[1])
    states = []
    for step in given.unbind(1):
        gates = step + nn.functional.linear(hidden, state_weight)
        into, forget, content, out = gates.chunk(4, -1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(into) * torch.tanh(content)
        hidden = torch.sigmoid(out) * torch.tanh(cell)
        states.append(hidden)
    return torch.stack(states, 1)


class BothWays(nn.Module):
    """A bidirectional `nn.LSTM` over sequences that are valid up to their own lengths."""

    def __init__(self, weights: nn.LSTM) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        """`values` [B, n, w], `counts` [B] to [B, n, 2 h]; beyond `counts` numbers without meaning."""
        weights = self.weights
        forward = lstm(
            values, weights.weight_ih_l0, weights.weight_hh_l0, weights.bias_ih_l0, weights.bias_hh_l0
        )
        place = torch.arange(values.shape[1], device=values.device)
        turned = torch.where(place < counts[:, None], counts[:, None] - 1 - place, place)[..., None]
        backward = lstm(
            values.gather(1, turned.expand(-1, -1, values.shape[2])),
            weights.weight_ih_l0_reverse,
            weights.weight_hh_l0_reverse,
            weights.bias_ih_l0_reverse,
            weights.bias_hh_l0_reverse,
        )
        return torch.cat([forward, backward.gather(1, turned.expand(-1, -1, backward.shape[2]))], -1)
