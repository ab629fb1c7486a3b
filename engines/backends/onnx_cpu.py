"""ONNX Runtime on the processor: networks compiled for it, and those that are given as ONNX and run as they
are."""

import logging
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import onnxruntime
from safetensors import safe_open

from emotrack.engines.backends.backend import ENGINE_FILE
from emotrack.engines.contract.definition import Definition, OnnxFile
from emotrack.engines.contract.engine import EngineRefused, Runner
from emotrack.engines.contract.spec import Arrays, Precision, Sizes, Spec
from emotrack.errors import UserError, first_line
from emotrack.model.converted import read_converted

EXTERNAL = "weights.json"


class ExternalTensor(msgspec.Struct, frozen=True):
    """Where the values of one of a graph's initializers are."""

    tensor: str
    """Its name in the file of weights."""
    transposed: bool
    """Whether the graph has the matrix transposed."""


def external_weights(spec: Spec, folder: Path) -> dict[str, np.ndarray]:
    """Float32 values by name of the initializer, of those that the graph in `folder` does not hold; none
    where it holds all."""
    path = folder / EXTERNAL
    if not path.is_file():
        return {}
    assert isinstance(spec.definition, Definition)
    tensors = weight_tensors(spec.definition)
    found = msgspec.json.decode(path.read_bytes(), type=dict[str, ExternalTensor])
    placed = {
        name: tensors[one.tensor].T if one.transposed else tensors[one.tensor] for name, one in found.items()
    }
    return {name: np.ascontiguousarray(values) for name, values in placed.items()}


def weight_tensors(definition: Definition) -> dict[str, np.ndarray]:
    """All tensors of a network's file of weights in float32, the low-rank factors of its adapter, if it has
    one, added to them.

    Those of the Whisper encoder that it sits on, if it does, are beside them. See `networks.adapting.merge`,
    which does the same to a torch module.
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


_IN_8_BITS = ("MatMulInteger", "DynamicQuantizeLSTM", "QLinearMatMul")


class OnnxCpu:
    """One file holds the graph and its weights; int8 means weights in 8 bits and the arithmetic of matrices
    with them."""

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
        """See `Backend.obstacle`."""
        return None

    @property
    def runtime(self) -> str:
        """Version of ONNX Runtime."""
        return version("onnxruntime")

    def hardware(self) -> dict[str, str]:
        """See `CompilingBackend.hardware`."""
        return {package: version(package) for package in ("onnxruntime", "torch", "onnx", "onnxscript")}

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        """See `CompilingBackend.build`."""
        path = folder / ENGINE_FILE
        path.write_bytes(_graph(spec))
        if precision == "int8":
            _quantise(path)

    def open(self, spec: Spec, folder: Path) -> Runner:
        """See `CompilingBackend.open`."""
        options = session_options(self._threads)
        values = external_weights(spec, folder)
        options.add_external_initializers(
            list(values), [onnxruntime.OrtValue.ortvalue_from_numpy(one) for one in values.values()]
        )
        try:
            session = onnxruntime.InferenceSession(
                str(folder / ENGINE_FILE), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # The runtime raises its own kinds over a graph that it cannot run.
            raise EngineRefused(
                f"ONNX Runtime cannot run it: {first_line(error).replace(f'{folder}/', '')}"
            ) from error
        return OnnxRunner(session)


class OnnxRunner:
    """One session; it may be run from several threads at once."""

    memory_bytes = None

    def __init__(self, session: Any) -> None:
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        """See `Runner.run`."""
        found: list[np.ndarray] = self._session.run(self._outputs, inputs)
        return dict(zip(self._outputs, found, strict=True))


def session_options(threads: int) -> Any:
    """Options of a session that shares its processor: threads that wait do not spin, memory that is free is
    not held back."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _graph(spec: Spec) -> bytes:
    """The network in ONNX; raises `UserError` for a file that is another, and `EngineRefused` where ONNX
    lacks an operation."""
    if isinstance(spec.definition, OnnxFile):
        open_as_given(spec, spec.definition)
        return spec.definition.path.read_bytes()
    from emotrack.engines.backends.onnx_graph import to_onnx
    from emotrack.engines.contract.exporting import exported

    return to_onnx(spec, exported(spec, spec.definition.build()))


def _quantise(path: Path) -> None:
    """Put the weights of matrices into 8 bits, in place; raises `EngineRefused` where there are none."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    del model.graph.value_info[:]  # the shapes between operations, which would have to stay true
    onnx.save(model, path)
    root = logging.getLogger()
    root.addFilter(
        _unheard
    )  # on it, and on no other logger, it advises to prepare the graph, which changes nothing here
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


def open_as_given(spec: Spec, file: OnnxFile) -> OnnxRunner:
    """The network of `spec`; raises `UserError` where `file` is damaged, or takes or gives something else
    than `spec` says."""
    options = session_options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    sizes = spec.sizes("minimum")
    try:
        runner = OnnxRunner(
            onnxruntime.InferenceSession(str(file.path), options, providers=["CPUExecutionProvider"])
        )
        found = runner.run(spec.samples(sizes, np.random.default_rng(0))[0], sizes)
    except Exception as error:
        # The runtime raises its own kinds over files that it cannot read and inputs that the graph does not
        # take.
        raise _refusal(file, f" ({first_line(error)})") from error
    if not _as_said(spec, sizes, found):
        raise _refusal(file)
    return runner


def _as_said(spec: Spec, sizes: Sizes, found: Arrays) -> bool:
    said = {port.name: (np.dtype(port.dtype), port.lengths(sizes)) for port in spec.outputs}
    return said == {name: (array.dtype, array.shape) for name, array in found.items()}


def _refusal(file: OnnxFile, cause: str = "") -> UserError:
    return UserError(f"{file.path} is not {file.kind}{cause}: give the path of one.")
