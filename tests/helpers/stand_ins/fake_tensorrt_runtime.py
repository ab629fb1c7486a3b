"""A fake of TensorRT's runtime on the processor, which refuses what it is told to refuse.

Its engines are exported programs behind a line that says which GPU and version they are for, and torch runs
them. It shows what our side makes of the runtime's answers; what TensorRT itself computes, and how fast, it
does not show.
"""

import ctypes
import io
import json
import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch.export import ExportedProgram

from emotrack.engines.backends import tensorrt_build
from emotrack.engines.backends.tensorrt import TensorRT
from emotrack.engines.contract.spec import Port, Spec

INTERMEDIATE_BYTES = 1000
"""What each engine says that its intermediate results take."""
Step = Literal["context", "address", "input shape", "enqueue"]


@dataclass
class Faults:
    """What the runtime refuses from now on, and how it errs."""

    refused: set[Step] = field(default_factory=set)
    longer_by: int = 0
    """What is added to the first side of the shapes that it tells of outputs."""
    shape_inputs: bool = False
    """Whether it wants inputs in the machine's memory, as it does where shapes are made of them."""


class FakeTensorRT(TensorRT):
    """The backend with the fake runtime in place of the real one."""

    on_gpu = False

    def __init__(self, gpu: str = "one GPU", version: str = "1.0") -> None:
        super().__init__("cpu")
        self.gpu, self.version = gpu, version
        self.faults = Faults()

    def obstacle(self, spec: Spec) -> str | None:
        return None

    def hardware(self) -> dict[str, str]:
        return {"gpu": self.gpu, "tensorrt": self.version}

    def install(self, patch: pytest.MonkeyPatch) -> "FakeTensorRT":
        """Have `import tensorrt` give the fake, and engines built for it."""
        module = ModuleType("tensorrt")
        module.__spec__ = ModuleSpec("tensorrt", None)
        module.__dict__.update(Logger=_Logger, Runtime=lambda logger: _Runtime(self), nptype=np.dtype)
        builder = ModuleType("torch_tensorrt")
        builder.__spec__ = ModuleSpec("torch_tensorrt", None)
        patch.setitem(sys.modules, "tensorrt", module)
        patch.setitem(sys.modules, "torch_tensorrt", builder)
        patch.setattr(tensorrt_build, "serialized", self._serialized)
        return self

    def _serialized(self, spec: Spec, program: ExportedProgram) -> bytes:
        file = io.BytesIO()
        torch.export.save(program, file)
        tensors = {port.name: _profile(spec, port) for port in spec.inputs}
        tensors |= {f"output{place}": {"dtype": port.dtype} for place, port in enumerate(spec.outputs)}
        return json.dumps({"for": self.hardware(), "tensors": tensors}).encode() + b"\n" + file.getvalue()


def _profile(spec: Spec, port: Port) -> dict[str, Any]:
    least, most = (port.lengths(spec.sizes(which)) for which in ("minimum", "maximum"))
    return {"dtype": port.dtype, "least": least, "most": most}


class _Logger:
    ERROR = 1

    def __init__(self, severity: int) -> None:
        pass


class _Runtime:
    def __init__(self, owner: FakeTensorRT) -> None:
        self._owner = owner

    def deserialize_cuda_engine(self, serialized: bytes) -> "_Engine | None":
        head, _, body = serialized.partition(b"\n")
        try:
            about = json.loads(head)
        except ValueError:
            return None
        if about["for"] != self._owner.hardware():
            return None
        return _Engine(about["tensors"], torch.export.load(io.BytesIO(body)), self._owner.faults)


class _Engine:
    device_memory_size_v2 = INTERMEDIATE_BYTES

    def __init__(self, tensors: dict[str, dict[str, Any]], program: ExportedProgram, faults: Faults) -> None:
        self.tensors = tensors
        self.program = program.module()
        self.faults = faults
        self.num_io_tensors = len(tensors)

    def get_tensor_name(self, place: int) -> str:
        return list(self.tensors)[place]

    def get_tensor_dtype(self, name: str) -> str:
        return str(self.tensors[name]["dtype"])

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        profile = self.tensors[name]
        return tuple(
            least if least == most else -1
            for least, most in zip(profile["least"], profile["most"], strict=True)
        )

    def is_shape_inference_io(self, name: str) -> bool:
        return self.faults.shape_inputs and "least" in self.tensors[name]

    def create_execution_context(self) -> "_Context | None":
        return None if "context" in self.faults.refused else _Context(self)


class _Context:
    """May be touched by the thread that made it and no other."""

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._thread = threading.get_ident()
        self._addresses: dict[str, int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return self._takes("address")

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shapes[name] = shape
        profile = self._engine.tensors[name]
        limits = zip(profile["least"], shape, profile["most"], strict=True)
        return self._takes("input shape") and all(least <= length <= most for least, length, most in limits)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        first, *rest = self._shapes[name]
        return (first + self._engine.faults.longer_by, *rest) if name.startswith("output") else (first, *rest)

    def execute_async_v3(self, stream: int) -> bool:
        if not self._takes("enqueue"):
            return False
        inputs = [name for name, tensor in self._engine.tensors.items() if "least" in tensor]
        with torch.no_grad():
            outputs = self._engine.program(*(torch.from_numpy(self._at(name).copy()) for name in inputs))
        for place, tensor in enumerate(outputs if isinstance(outputs, Sequence) else (outputs,)):
            self._shapes[f"output{place}"] = tuple(tensor.shape)
            self._at(f"output{place}")[...] = tensor.numpy()
        return True

    def _takes(self, step: Step) -> bool:
        assert threading.get_ident() == self._thread, "a context was touched by a second thread"
        return step not in self._engine.faults.refused

    def _at(self, name: str) -> np.ndarray:
        """The numbers at a tensor's address."""
        kind, shape = np.dtype(self._engine.get_tensor_dtype(name)), self._shapes[name]
        memory = (ctypes.c_byte * (math.prod(shape) * kind.itemsize)).from_address(self._addresses[name])
        numbers: np.ndarray = np.frombuffer(memoryview(memory), kind).reshape(shape)
        return numbers
