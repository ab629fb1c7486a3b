"""A network that is given as ONNX, run as it is: no node of its graph is changed or joined with another."""

import numpy as np
import onnxruntime

from emotrack.engines.backends.onnx_cpu import OnnxRunner, session_options
from emotrack.engines.definition import OnnxFile
from emotrack.engines.spec import Arrays, Sizes, Spec
from emotrack.model.errors import UserError, first_line


def open_as_given(spec: Spec, file: OnnxFile) -> OnnxRunner:
    """The network of `spec`; raises `UserError` where `file` is damaged, or takes or gives something else than `spec` says."""
    options = session_options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    sizes = spec.sizes("minimum")
    try:
        runner = OnnxRunner(onnxruntime.InferenceSession(str(file.path), options, providers=["CPUExecutionProvider"]))
        found = runner.run(spec.samples(sizes, np.random.default_rng(0))[0], sizes)
    except Exception as error:
        # The runtime raises its own kinds over files that it cannot read and inputs that the graph does not take.
        raise _refusal(file, f" ({first_line(error)})") from error
    if not _as_said(spec, sizes, found):
        raise _refusal(file)
    return runner


def _as_said(spec: Spec, sizes: Sizes, found: Arrays) -> bool:
    said = {port.name: (port.dtype, port.lengths(sizes)) for port in spec.outputs}
    return said == {name: (array.dtype, array.shape) for name, array in found.items()}


def _refusal(file: OnnxFile, cause: str = "") -> UserError:
    return UserError(f"{file.path} is not {file.kind}{cause}: give the path of one.")
