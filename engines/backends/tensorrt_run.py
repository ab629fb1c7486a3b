"""Serialized TensorRT engines, run by TensorRT's own runtime, which says of every step whether it was
taken."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from emotrack.engines.backends.device_worker import DeviceWorker
from emotrack.engines.contract.engine import EngineRefused, NoRoom
from emotrack.engines.contract.spec import Arrays, Axis, Port, Sizes, Spec

_OPEN = -1
"""How TensorRT writes the length of an axis that varies."""
_NO_ROOM = "the GPU has no room for it"


class TensorRTRunner:
    """One network; any thread may run it, the device's worker does the work."""

    def __init__(self, spec: Spec, engines: Sequence[bytes], worker: DeviceWorker) -> None:
        """`engines`: those for shorter inputs first. Raises `EngineRefused` where one cannot be run here."""
        self._worker = worker
        self._plans = worker.call(lambda: [_Plan(spec, engine, worker) for engine in engines])
        worker.drop_with(self, self._plans)
        for which in ("typical", "maximum"):  # what is chosen at the first run is chosen now
            sizes = spec.sizes(which)
            self.run(spec.samples(sizes, np.random.default_rng(0))[0], sizes)

    @property
    def memory_bytes(self) -> int:
        """What its buffers and intermediate results take of the GPU, however much it is given to do."""
        return sum(plan.memory_bytes for plan in self._plans)

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        """Raises `EngineRefused` where TensorRT does not run it."""
        plan = next(plan for plan in self._plans if plan.holds(sizes))
        return self._worker.call(lambda: plan.run(inputs, sizes))


class _Plan:
    """One engine with its context, and with buffers for its greatest shapes; used on the worker's thread
    alone."""

    def __init__(self, spec: Spec, serialized: bytes, worker: DeviceWorker) -> None:
        import tensorrt

        self._spec = spec
        self._worker = worker
        self._outputs = {
            f"output{place}": port for place, port in enumerate(spec.outputs)
        }  # torch-tensorrt's names
        self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))
        self._engine: Any = self._runtime.deserialize_cuda_engine(serialized)
        if self._engine is None:
            raise EngineRefused(
                "TensorRT cannot read it: it was built for another GPU, or by another version"
            )
        ports = {**{port.name: port for port in spec.inputs}, **self._outputs}
        self._closed = _closed_axes(spec, self._engine, ports)
        self._context: Any = self._engine.create_execution_context()
        if self._context is None:
            raise NoRoom(_NO_ROOM)
        most = {**spec.sizes("maximum"), **self._closed}
        try:
            self._buffers = {name: _buffer(port, most, device=worker.device) for name, port in ports.items()}
        except torch.OutOfMemoryError:
            raise NoRoom(_NO_ROOM) from None
        # A copy out of other memory would make the thread wait for it.
        pinned = worker.device.type == "cuda"
        self._staging = {port.name: _buffer(port, most, pin_memory=pinned) for port in spec.inputs}
        for name, buffer in self._buffers.items():
            self._require(self._context.set_tensor_address(name, buffer.data_ptr()))

    @property
    def memory_bytes(self) -> int:
        buffers = sum(buffer.nbytes for buffer in self._buffers.values())
        return buffers + int(self._engine.device_memory_size_v2)

    def holds(self, sizes: Sizes) -> bool:
        """Whether inputs of these sizes fit, padded where it was built for one length."""
        return all(sizes[name] <= length for name, length in self._closed.items())

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        padded = {**sizes, **self._closed}
        for port in self._spec.inputs:
            shape = port.lengths(padded)
            count = int(np.prod(shape))
            staged = self._staging[port.name][:count]
            np.copyto(staged.numpy().reshape(shape), port.padded(inputs[port.name], padded))
            self._buffers[port.name][:count].copy_(staged, non_blocking=True)
            self._require(self._context.set_input_shape(port.name, shape))
        self._require(self._context.execute_async_v3(self._worker.stream))
        return {
            port.name: port.cut(self._fetch(name, port.lengths(padded)), sizes)
            for name, port in self._outputs.items()
        }

    def _fetch(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """An output, waited for, in memory of its own."""
        given = tuple(self._context.get_tensor_shape(name))
        if given != shape:
            raise self._refusal(f"gave {name} of shape {given} where {shape} was due")
        found: np.ndarray = self._buffers[name][: int(np.prod(shape))].cpu().numpy().reshape(shape).copy()
        return found

    def _require(self, taken: bool) -> None:
        if not taken:
            raise self._refusal("was refused by TensorRT")

    def _refusal(self, what: str) -> EngineRefused:
        return EngineRefused(f"the engine {what}")


def _closed_axes(spec: Spec, engine: Any, ports: Mapping[str, Port]) -> dict[str, int]:
    """The axes that an engine takes at one length only; raises `EngineRefused` where it is not one of this
    network."""
    import tensorrt

    names = {engine.get_tensor_name(place) for place in range(engine.num_io_tensors)}
    if names != ports.keys():
        raise EngineRefused(f"its tensors are {', '.join(sorted(names))}, not {', '.join(sorted(ports))}")
    for name, port in ports.items():
        if np.dtype(tensorrt.nptype(engine.get_tensor_dtype(name))) != port.dtype:
            raise EngineRefused(f"its tensor {name} is not of {port.dtype}")
        if engine.is_shape_inference_io(name):
            raise EngineRefused(f"it makes shapes of the numbers in {name}")
    closed: dict[str, int] = {}
    for port in spec.inputs:
        shape = tuple(engine.get_tensor_shape(port.name))
        fits = len(shape) == len(port.shape)
        for side, length in zip(port.shape, shape, strict=False):
            if isinstance(side, Axis):
                fits &= length == _OPEN or closed.setdefault(side.name, length) == length
            else:
                fits &= length == side
        if not fits:
            raise EngineRefused(f"it takes {port.name} of shape {shape}")
    return closed


def _buffer(port: Port, sizes: Sizes, **where: Any) -> torch.Tensor:
    """Flat, so that inputs of any smaller shape lie at its beginning without gaps."""
    return torch.empty(int(np.prod(port.lengths(sizes))), dtype=getattr(torch, port.dtype), **where)
