"""A network in the format in which ultralytics exports its own, which sees one person in the middle of every
picture: it stands where weights cannot be had, behind the same code path."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emotrack.engines.networks.yolo import CLASSES, PERSON, SIDE, STRIDES

BOX = (320.0, 320.0, 300.0, 320.0)
"""Middle, width and height of the person, in pixels of 640."""


def write_persons(path: Path) -> Path:
    """Write it as an .onnx file."""
    answers = np.zeros((1, 4 + CLASSES, sum((SIDE // stride) ** 2 for stride in STRIDES)), np.float32)
    answers[0, :4, 0] = BOX
    answers[0, 4 + PERSON, 0] = 0.9
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Add", ["answers", "zero"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "persons",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(answers.shape))],
        [
            numpy_helper.from_array(answers, "answers"),
            numpy_helper.from_array(np.zeros((), np.float32), "nothing"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
