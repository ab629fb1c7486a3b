"""A network captured as CUDA graphs, one for each bucket of sizes: a replay launches all of its kernels at
once.

Inputs and outputs cross between machine and GPU inside the graph, from and to pinned buffers that belong to
it. Everything is captured at warm-up, on the one thread that owns the GPU, on one stream and out of one pool
of memory: graphs that were captured on several streams share no memory, and cuBLAS keeps a workspace of 32 MB
for each stream that it has seen.
"""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emotrack.engines.backends.eager import as_tuple, exact_arithmetic, placed
from emotrack.engines.backends.machine import gpu_obstacle
from emotrack.engines.contract.definition import OnnxFile
from emotrack.engines.contract.engine import EngineRefused, Runner
from emotrack.engines.contract.spec import Arrays, Port, Precision, Sizes, Spec

if TYPE_CHECKING:
    import torch
    from torch import nn

GRAPHS = 64
"""Combinations of sizes beyond which capturing them all would take too long and too much memory."""


class CudaGraph:
    """Captures torch's own kernels, or with `inductor` those that it generates."""

    on_gpu = True
    is_reference = False
    keeps: Literal[False] = False
    precisions: tuple[Precision, ...] = ("fp32",)
    optional: tuple[Precision, ...] = ()

    def __init__(self, *, inductor: bool) -> None:
        self.name = "inductor-cuda-graph" if inductor else "cuda-graph"
        self._inductor = inductor

    def obstacle(self, spec: Spec) -> str | None:
        """See `Backend.obstacle`."""
        if isinstance(spec.definition, OnnxFile):
            return "the network is given as ONNX"
        if (obstacle := gpu_obstacle()) is not None:
            return obstacle
        graphs = len(combinations(spec))
        return (
            f"it would take {graphs} graphs, one for each combination of sizes" if graphs > GRAPHS else None
        )

    def start(self, spec: Spec) -> Runner:
        """See `DirectBackend.start`."""
        from emotrack.engines.backends.device_worker import device_worker

        return device_worker("cuda").call(lambda: CudaGraphRunner(spec, self._inductor))


class CudaGraphRunner:
    """The graphs of one network."""

    memory_bytes = None

    def __init__(self, spec: Spec, inductor: bool) -> None:
        """Capture everything; raises `EngineRefused` where the network does something that cannot be
        captured."""
        import torch

        from emotrack.engines.backends.device_worker import device_worker

        exact_arithmetic()
        self._worker = device_worker("cuda")
        network: Any = placed(spec.definition.build(), "cuda")
        network = torch.compile(network, dynamic=False) if inductor else network
        self._spec = spec
        capture = _Capture(torch.cuda.Stream(), torch.cuda.graph_pool_handle())
        capture.stream.wait_stream(torch.cuda.current_stream())  # until the weights lie where they are read
        try:
            # From the ninth shape on torch would else go back to its own kernels without a word. The setting
            # is this thread's.
            with torch._dynamo.config.patch(recompile_limit=GRAPHS, fail_on_recompile_limit_hit=True):
                self._graphs = {
                    tuple(sizes.values()): _Graph(spec, network, sizes, capture)
                    for sizes in combinations(spec)
                }
        except Exception as error:
            # Capture and code generation raise many kinds; each means that this network is run in another
            # way.
            raise EngineRefused(f"it cannot be captured: {first_cause(error)}") from error
        self._worker.drop_with(self, self._graphs)

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        """See `Runner.run`."""
        bucket = self._spec.buckets(sizes)
        graph = self._graphs[tuple(bucket.values())]
        padded = {port.name: port.padded(inputs[port.name], bucket) for port in self._spec.inputs}
        found = self._worker.call(lambda: graph.replay(padded))
        return {port.name: port.cut(found[port.name], sizes) for port in self._spec.outputs}


@dataclass(frozen=True, slots=True)
class _Capture:
    """Where all graphs of one network are captured."""

    stream: Any
    pool: Any


class _Graph:
    """One captured run, with the buffers that it reads and writes."""

    def __init__(self, spec: Spec, network: "nn.Module", sizes: Sizes, capture: _Capture) -> None:
        import torch

        self._network = network  # its weights are read where they lie, at every replay
        self._inputs = {port.name: _pinned(port, sizes) for port in spec.inputs}
        with torch.inference_mode(), torch.cuda.stream(capture.stream):
            for _ in range(3):  # libraries choose their kernels, and generated ones are compiled
                outputs = self._forward(network)
            self._outputs = {
                port.name: torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
                for port, tensor in zip(spec.outputs, outputs, strict=True)
            }
            capture.stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(
                self._graph, pool=capture.pool, stream=capture.stream, capture_error_mode="thread_local"
            ):
                for target, tensor in zip(self._outputs.values(), self._forward(network), strict=True):
                    target.copy_(tensor, non_blocking=True)

    def replay(self, inputs: Arrays) -> Arrays:
        """Outputs of their own for inputs of these sizes; on the worker's thread and stream, where one graph
        follows the other."""
        import torch

        for name, buffer in self._inputs.items():
            np.copyto(buffer.numpy(), inputs[name])
        self._graph.replay()
        torch.cuda.current_stream().synchronize()
        return {name: buffer.numpy().copy() for name, buffer in self._outputs.items()}

    def _forward(self, network: "nn.Module") -> tuple["torch.Tensor", ...]:
        return as_tuple(network(*(buffer.to("cuda", non_blocking=True) for buffer in self._inputs.values())))


def first_cause(error: BaseException) -> str:
    """What went wrong first, in one line: torch tells in its place that the capture was broken off, where
    that follows from it."""
    while "captur" in str(error).lower() and (before := error.__cause__ or error.__context__) is not None:
        error = before
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def combinations(spec: Spec) -> list[dict[str, int]]:
    """Every combination of the buckets of a spec's axes."""
    axes = spec.axes
    return [
        dict(zip(axes, sizes, strict=True))
        for sizes in itertools.product(*(axis.buckets for axis in axes.values()))
    ]


def _pinned(port: Port, sizes: Sizes) -> "torch.Tensor":
    import torch

    return torch.zeros(port.lengths(sizes), dtype=getattr(torch, port.dtype), pin_memory=True)
