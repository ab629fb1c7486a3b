"""Which backends are tried for a network, in which order, and in which precisions."""

from dataclasses import dataclass
from typing import get_args

from emotrack.engines.backends.backend import Backend
from emotrack.engines.backends.eager import Eager
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.hardware import gpu_obstacle
from emotrack.engines.settings import BackendName, EngineSettings
from emotrack.engines.spec import Precision
from emotrack.model.errors import UserError

ORDER: tuple[BackendName, ...] = get_args(BackendName)
"""The quickest first."""
ON_GPU = ORDER[:4]


@dataclass(frozen=True, slots=True)
class Policy:
    """`backends` in the order in which they are tried; `precision` is tried first of those that each has."""

    backends: tuple[Backend, ...]
    precision: Precision | None = None

    def precisions(self, backend: Backend) -> tuple[Precision, ...]:
        """What to try of a backend, in order."""
        usual = tuple(one for one in backend.precisions if one not in backend.optional and one != self.precision)
        return (self.precision, *usual) if self.precision in backend.precisions else usual


def policy_of(settings: EngineSettings) -> Policy:
    """The policy that the settings mean; raises `UserError` where they ask for a GPU and there is none."""
    if settings.device == "cuda" and (obstacle := gpu_obstacle()) is not None:
        raise UserError(f"engines.device is cuda but {obstacle}: add --set engines.device=cpu.")
    if settings.device == "cpu" and settings.backend in ON_GPU:
        raise UserError(f"engines.backend {settings.backend} runs on a GPU and engines.device is cpu: set one of them to auto.")
    names = ORDER if settings.backend == "auto" else (settings.backend,)
    if settings.backend == "auto" and settings.device == "cpu":
        names = tuple(name for name in ORDER if name not in ON_GPU)
    return Policy(
        tuple(_make(name, settings.threads) for name in names), None if settings.precision == "auto" else settings.precision
    )


def _make(name: BackendName, threads: int) -> Backend:
    """Imports no more than this backend needs: torch takes seconds, and most machines do without it."""
    match name:
        case "tensorrt":
            from emotrack.engines.backends.tensorrt import TensorRT

            return TensorRT()
        case "inductor-cuda-graph" | "cuda-graph":
            from emotrack.engines.backends.cuda_graph import CudaGraph

            return CudaGraph(inductor=name == "inductor-cuda-graph")
        case "eager-cuda":
            return Eager("cuda", threads)
        case "onnx-cpu":
            return OnnxCpu(threads)
        case "eager-cpu":
            return Eager("cpu", threads)
