"""A network as ONNX bytes, from its exported graph."""

import logging
import warnings
from typing import Any

import onnxscript
import torch
from onnxscript import opset20
from torch.export import ExportedProgram

from emotrack.engines.contract import exporting
from emotrack.engines.contract.engine import EngineRefused
from emotrack.engines.contract.spec import Spec
from emotrack.errors import first_line

OPSET = 20
op: Any = opset20
"""Its own types leave no room for a constant."""


def to_onnx(spec: Spec, program: ExportedProgram) -> bytes:
    """The exported graph in ONNX, with the names of the spec; raises `EngineRefused` where ONNX lacks an
    operation."""
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=[port.name for port in spec.inputs],
                output_names=[port.name for port in spec.outputs],
                custom_translation_table={torch.ops.emotrack.lstm.default: _lstm},
                verbose=False,
            )
    except Exception as error:
        # The exporter raises many kinds; each of them means that this network stays as it is.
        raise EngineRefused(f"it cannot be put in ONNX: {first_line(error)}") from error
    assert found is not None
    result: bytes = found.model_proto.SerializeToString()
    return result


def _lstm(
    values: onnxscript.FLOAT,
    input_weight: onnxscript.FLOAT,
    state_weight: onnxscript.FLOAT,
    input_bias: onnxscript.FLOAT,
    state_bias: onnxscript.FLOAT,
) -> onnxscript.FLOAT:
    """`exporting.lstm` in ONNX, which has the time axis first and the gates in another order (input, output,
    forget, content)."""
    assert exporting.lstm is not None
    assert state_weight.shape is not None
    hidden = int(state_weight.shape[1])
    order = op.Constant(
        value_ints=[*range(hidden), *range(3 * hidden, 4 * hidden), *range(hidden, 3 * hidden)]
    )
    first, second = op.Constant(value_ints=[0]), op.Constant(value_ints=[1])
    bias = op.Concat(op.Gather(input_bias, order), op.Gather(state_bias, order), axis=0)
    states, _, _ = op.LSTM(
        op.Transpose(values, perm=[1, 0, 2]),
        op.Unsqueeze(op.Gather(input_weight, order), first),
        op.Unsqueeze(op.Gather(state_weight, order), first),
        op.Unsqueeze(bias, first),
        hidden_size=hidden,
        direction="forward",
    )
    return op.Transpose(op.Squeeze(states, second), perm=[1, 0, 2])
