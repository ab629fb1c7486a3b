"""ONNX Runtime on the processor."""

import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime

from emotrack.engines.backends.backend import ENGINE_FILE
from emotrack.engines.definition import OnnxFile
from emotrack.engines.engine import EngineRefused, Runner
from emotrack.engines.external_weights import external_weights
from emotrack.engines.spec import Arrays, Precision, Sizes, Spec
from emotrack.model.errors import first_line

_IN_8_BITS = ("MatMulInteger", "DynamicQuantizeLSTM", "QLinearMatMul")


class OnnxCpu:
    """One file holds the graph and its weights; int8 means weights in 8 bits and the arithmetic of matrices with them."""

    name = "onnx-cpu"
    compiler = "emotrack.engines.backends.onnx_cpu"
    on_gpu = False
    keeps: Literal[True] = True
    precisions: tuple[Precision, ...] = ("int8", "fp32")
    optional: tuple[Precision, ...] = ("int8",)

    def __init__(self, threads: int) -> None:
        """`threads`: processor threads of one run."""
        self._threads = threads

    def obstacle(self, spec: Spec) -> str | None:
        return None

    @property
    def runtime(self) -> str:
        """Version of ONNX Runtime."""
        return version("onnxruntime")

    def hardware(self) -> dict[str, str]:
        return {package: version(package) for package in ("onnxruntime", "torch", "onnx", "onnxscript")}

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        path = folder / ENGINE_FILE
        path.write_bytes(_graph(spec))
        if precision == "int8":
            _quantise(path)

    def open(self, spec: Spec, folder: Path) -> Runner:
        options = session_options(self._threads)
        values = external_weights(spec, folder)
        options.add_external_initializers(list(values), [onnxruntime.OrtValue.ortvalue_from_numpy(one) for one in values.values()])
        try:
            session = onnxruntime.InferenceSession(str(folder / ENGINE_FILE), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # The runtime raises its own kinds over a graph that it cannot run.
            raise EngineRefused(f"ONNX Runtime cannot run it: {first_line(error).replace(f'{folder}/', '')}") from error
        return OnnxRunner(session)


class OnnxRunner:
    """One session; it may be run from several threads at once."""

    memory_bytes = None

    def __init__(self, session: Any) -> None:
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        found: list[np.ndarray] = self._session.run(self._outputs, inputs)
        return dict(zip(self._outputs, found, strict=True))


def session_options(threads: int) -> Any:
    """Options of a session that shares its processor: threads that wait do not spin, memory that is free is not held back."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _graph(spec: Spec) -> bytes:
    """The network in ONNX; raises `UserError` for a file that is another, and `EngineRefused` where ONNX lacks an operation."""
    if isinstance(spec.definition, OnnxFile):
        from emotrack.engines.backends.onnx_file import open_as_given

        open_as_given(spec, spec.definition)
        return spec.definition.path.read_bytes()
    from emotrack.engines.backends.onnx_graph import to_onnx
    from emotrack.engines.exporting import exported

    return to_onnx(spec, exported(spec, spec.definition.build()))


def _quantise(path: Path) -> None:
    """Put the weights of matrices into 8 bits, in place; raises `EngineRefused` where there are none."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    del model.graph.value_info[:]  # the shapes between operations, which would have to stay true
    onnx.save(model, path)
    root = logging.getLogger()
    root.addFilter(_unheard)  # on it, and on no other logger, it advises to prepare the graph, which changes nothing here
    try:
        quantize_dynamic(
            path,
            path,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm", "LSTM"],
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    except Exception as error:
        # The quantiser raises plain exceptions and those of ONNX.
        raise EngineRefused(f"it cannot be put into 8 bits: {first_line(error)}") from error
    finally:
        root.removeFilter(_unheard)
    if not any(node.op_type in _IN_8_BITS for node in onnx.load(path).graph.node):
        raise EngineRefused("it has no matrices to put into 8 bits")


def _unheard(record: logging.LogRecord) -> bool:
    return False
