"""Which backends are tried for a network, in which order, and in which precisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from emotrack.engines.backends.backend import Backend
from emotrack.engines.backends.eager import Eager
from emotrack.engines.backends.machine import gpu_obstacle
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.contract.engine import Skip
from emotrack.engines.contract.spec import Precision, Spec
from emotrack.engines.settings import BackendName, EngineSettings
from emotrack.errors import UserError

ORDER: tuple[BackendName, ...] = get_args(BackendName)
"""The quickest first."""
ON_PROCESSOR = tuple(name for name in ORDER if name.endswith("-cpu"))
ON_GPU = tuple(name for name in ORDER if name not in ON_PROCESSOR)
_COARSER: tuple[Precision, ...] = ("fp32", "fp16", "bf16", "int8")
"""Each is coarser than those before it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`backends` in the order in which they are tried; of the precisions that each has, `precision` and after
    it finer ones."""

    backends: tuple[Backend, ...]
    precision: Precision | None = None

    def attempts(self, spec: Spec) -> Iterator[tuple[Backend, Precision] | Skip]:
        """What to try for a network, in order, and what there is no need to try."""
        for backend in self.backends:
            if (obstacle := backend.obstacle(spec)) is not None:
                yield Skip(backend.name, obstacle)
                continue
            if self.precision is not None and self.precision not in backend.precisions:
                yield Skip(f"{backend.name} {self.precision}", "it does not compute so")
            yield from ((backend, precision) for precision in self._precisions(backend))

    def _precisions(self, backend: Backend) -> tuple[Precision, ...]:
        usual = tuple(one for one in backend.precisions if one not in backend.optional)
        if self.precision is None:
            return usual
        finer = tuple(one for one in usual if _COARSER.index(one) < _COARSER.index(self.precision))
        return (self.precision, *finer) if self.precision in backend.precisions else finer


def policy_of(settings: EngineSettings, own: Sequence[Backend] = ()) -> Policy:
    """The policy that the settings mean, backends of one's `own` in front of those that they name; raises
    `UserError` where they ask for a GPU and there is none."""
    if settings.device == "cuda" and (obstacle := gpu_obstacle()) is not None:
        raise UserError(f"engines.device is cuda but {obstacle}: add --set engines.device=cpu.")
    if settings.device == "cpu" and settings.backend in ON_GPU:
        raise UserError(
            f"engines.backend {settings.backend} runs on a GPU and engines.device is cpu: set one of them "
            "to auto."
        )
    if settings.device == "cuda" and settings.backend in ON_PROCESSOR:
        raise UserError(
            f"engines.backend {settings.backend} runs on the processor and engines.device is cuda: set one "
            "to auto."
        )
    names = ORDER if settings.backend == "auto" else (settings.backend,)
    if settings.backend == "auto" and settings.device == "cpu":
        names = ON_PROCESSOR
    return Policy(
        (*own, *(_make(name, settings.threads) for name in names)),
        None if settings.precision == "auto" else settings.precision,
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
