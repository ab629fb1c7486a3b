"""From a network to serialized TensorRT engines: exported in the wanted precision, its LSTMs unrolled,
converted by torch-tensorrt.

torch-tensorrt's own function for this goes on with operations that it cannot convert and hides why it failed,
so its parts are called here: the decompositions, the lowering, the partitioner for what it says of the graph,
the conversion. Its cache of engines has no part in it (it leaves weights, arguments and the GPU out of its
keys and unpickles what it finds in the temporary folder).
"""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from emotrack.engines.backends.eager import as_tuple
from emotrack.engines.contract.engine import EngineRefused
from emotrack.engines.contract.exporting import BothWays, exported, lstm_by_steps
from emotrack.engines.contract.spec import Axis, Port, Precision, Shorter, Sizes, Spec

SETTINGS: dict[str, Any] = {
    "attn_bias_is_causal": False,  # the default drops padding masks
    "decompose_attention": True,
    "require_full_compilation": True,
    "disable_tf32": True,  # ten bits of mantissa are not fp32, and the gate would say so
}
"""What is never left to torch-tensorrt's defaults. Precisions are not enabled but chosen by the types in the
graph."""

_TYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_TENSORRT = "torch_tensorrt [TensorRT Conversion Context]"
_LSTM = torch.ops.emotrack.lstm.default
_DECOMPOSITIONS = {torch.ops.aten.unsafe_split.Tensor: torch.ops.aten.split.Tensor}
"""What torch-tensorrt leaves whole and has no converter for: `nn.LSTMCell` is full of it."""


def programs(spec: Spec, precision: Precision) -> list[tuple[Spec, ExportedProgram]]:
    """The network as graphs to be converted, each with the shapes that it takes; raises `EngineRefused` where
    it has none.

    Most networks are one graph with every axis open. TensorRT has no LSTM, and the steps of one can only be
    laid out for a length that is known: a network with LSTMs becomes two graphs, for the usual lengths and
    for the greatest, their batch open. So a sequence longer than usual costs as much as the longest; a graph
    for each combination of buckets would take hours to build.
    """
    network = in_precision(spec.definition.build(), _TYPES[precision])
    if not any(isinstance(module, BothWays) for module in network.modules()):
        return [(spec, exported(spec, network))]
    lengths = [spec.buckets({**spec.sizes(which), "batch": 1}) for which in ("typical", "maximum")]
    shapes = [at_lengths(spec, one) for one in (lengths if lengths[0] != lengths[1] else lengths[:1])]
    return [(shape, exported(shape, network).run_decompositions({_LSTM: lstm_by_steps})) for shape in shapes]


def in_precision(network: nn.Module, kind: torch.dtype) -> nn.Module:
    """`network` with weights of `kind`, to which it casts the numbers that come in, and from which to fp32
    those that go out.

    Modules that say `exact = True` keep their weights in fp32, and cast what they are given themselves.
    Integers stay as they are.
    """
    if kind is torch.float32:
        return network
    for module in network.modules():
        if getattr(module, "exact", False):
            continue
        for parameter in module.parameters(recurse=False):
            parameter.data = _cast(parameter.data, kind)
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, _cast(buffer, kind))
    # Hooks leave the signature as it is, by which torch.export tells the inputs apart.
    network.register_forward_pre_hook(lambda _, inputs: tuple(_cast(value, kind) for value in inputs))
    network.register_forward_hook(
        lambda _, __, outputs: tuple(_cast(value, torch.float32) for value in as_tuple(outputs))
    )
    return network


def at_lengths(spec: Spec, lengths: Sizes) -> Spec:
    """`spec` with inputs of which every axis but the batch is closed at one of `lengths`."""

    def closed(side: int | Axis | Shorter) -> int | Axis | Shorter:
        if not isinstance(side, Axis) or side.name == "batch":
            return side
        length = lengths[side.name]
        return Axis(side.name, (length,), typical=length, minimum=length)

    return replace(
        spec,
        inputs=tuple(replace(port, shape=tuple(closed(side) for side in port.shape)) for port in spec.inputs),
        samples=lambda sizes, random: spec.samples({**lengths, "batch": sizes["batch"]}, random),
    )


def serialized(spec: Spec, program: ExportedProgram) -> bytes:
    """One engine that takes the shapes of `spec`; raises `EngineRefused` where torch-tensorrt or TensorRT
    cannot make it."""
    with _listening() as complaints, tempfile.TemporaryDirectory() as folder:
        try:
            from torch_tensorrt.dynamo.conversion import interpret_module_to_result

            # Kernel timings would else be kept, and read back, in a place that all users of the machine can
            # write to.
            settings = compilation_settings(timing_cache_path=str(Path(folder) / "timings"))
            graph = lowered(spec, program, settings)
            found = interpret_module_to_result(
                graph, inputs=[_profile(spec, port) for port in spec.inputs], settings=settings
            )
        except EngineRefused:
            raise
        except Exception as error:
            # The two libraries raise many kinds, some without a word.
            reason = complaints[-1] if complaints else str(error) or type(error).__name__
            raise EngineRefused(
                f"TensorRT cannot build it: {reason.strip().splitlines()[0].rstrip('.')}"
            ) from error
    if found.requires_output_allocator:
        raise EngineRefused("the lengths of its outputs depend on the numbers given to it")
    return bytes(found.serialized_engine)


def compilation_settings(**more: Any) -> Any:
    """torch-tensorrt's settings for every engine."""
    from torch_tensorrt.dynamo import CompilationSettings

    return CompilationSettings(**SETTINGS, **more)


def lowered(spec: Spec, program: ExportedProgram, settings: Any) -> torch.fx.GraphModule:
    """The graph in operations that have converters, inputs named as in the spec; raises `EngineRefused` where
    some have none."""
    from torch_tensorrt.dynamo.conversion import DYNAMO_CONVERTERS
    from torch_tensorrt.dynamo.lowering import get_decompositions, post_lowering, pre_export_lowering
    from torch_tensorrt.dynamo.partitioning import fast_partition

    _open_gather()
    program = pre_export_lowering(program, settings)
    program = program.run_decompositions(
        {**get_decompositions(False, settings.decompose_attention), **_DECOMPOSITIONS}
    )
    graph: torch.fx.GraphModule = post_lowering(program.module(), settings)
    places = [node for node in graph.graph.nodes if node.op == "placeholder"]
    for node, port in zip(places, spec.inputs, strict=True):
        node.target = port.name
    graph.recompile()
    DYNAMO_CONVERTERS.set_compilation_settings(settings)
    parts, support = fast_partition(graph, require_full_compilation=False, min_block_size=1, skip_fusion=True)
    if support.unsupported_operators:
        raise EngineRefused(
            f"torch-tensorrt cannot convert {', '.join(sorted(support.unsupported_operators))}"
        )
    engines = sum("_run_on_acc_" in name for name, _ in parts.named_children())
    if engines != 1:
        raise EngineRefused(f"torch-tensorrt would make {engines} engines of it")
    return graph


@cache
def _open_gather() -> None:
    """Let gathering be converted for open lengths too: its converter looks at none, but does not say so."""
    from torch_tensorrt.dynamo.conversion import aten_ops_converters, dynamo_tensorrt_converter

    gather = torch.ops.aten.gather.default
    dynamo_tensorrt_converter(gather, supports_dynamic_shapes=True)(aten_ops_converters.aten_ops_gather)


def _profile(spec: Spec, port: Port) -> Any:
    """The shapes that an input may have, and the one to tune for."""
    from torch_tensorrt import Input

    least, usual, most = (port.lengths(spec.sizes(which)) for which in ("minimum", "typical", "maximum"))
    kind = getattr(torch, port.dtype)
    if least == most:
        return Input(shape=most, dtype=kind)
    return Input(min_shape=least, opt_shape=usual, max_shape=most, dtype=kind)


def _cast(value: Tensor, kind: torch.dtype) -> Tensor:
    return value.to(kind) if value.is_floating_point() else value


class _Listener(logging.Handler):
    """Keeps what TensorRT complains of, to which torch-tensorrt gives a name of its own; of torch-tensorrt's
    much is no cause."""

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _TENSORRT and record.levelno >= logging.ERROR:
            self.complaints.append(record.getMessage())


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """Have messages collected instead of printed: torch-tensorrt sends Python's warnings to the root logger,
    and prints itself."""
    listener, root = _Listener(), logging.getLogger()
    root.addHandler(listener)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield listener.complaints
    finally:
        root.removeHandler(listener)
        logging.captureWarnings(False)
