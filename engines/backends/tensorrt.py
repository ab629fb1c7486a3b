"""TensorRT: engines built by torch-tensorrt once for this GPU, kept, and run by TensorRT's own runtime."""

import ctypes
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from emotrack.engines.backends.backend import ENGINE_FILE
from emotrack.engines.backends.machine import gpu_obstacle
from emotrack.engines.contract.definition import OnnxFile
from emotrack.engines.contract.engine import EngineRefused, Runner
from emotrack.engines.contract.spec import Precision, Spec

_INSTALL = "pip install 'emotrack[gpu]'"


class TensorRT:
    """One engine a network; two for one with LSTMs, see `tensorrt_build.programs`."""

    name = "tensorrt"
    compiler = "emotrack.engines.backends.tensorrt_build"
    on_gpu = True
    keeps: Literal[True] = True
    precisions: tuple[Precision, ...] = ("fp16", "fp32", "bf16")
    optional: tuple[Precision, ...] = ("bf16",)

    def __init__(self, device: str = "cuda") -> None:
        """`device`: where the buffers lie; cpu only for a stand-in of the runtime."""
        self._device = device

    def obstacle(self, spec: Spec) -> str | None:
        """See `Backend.obstacle`."""
        if isinstance(spec.definition, OnnxFile):
            return "the network is given as ONNX"
        if (reason := gpu_obstacle()) is not None:
            return reason
        if find_spec("tensorrt") is None:
            return f"TensorRT is not installed ({_INSTALL} brings it)"
        try:
            import tensorrt  # noqa: F401
        except (ImportError, OSError) as error:
            return (
                f"TensorRT cannot be imported ({error}): its libraries are missing or do not go with the "
                "driver"
            )
        return None

    def hardware(self) -> dict[str, str]:
        """See `CompilingBackend.hardware`."""
        import tensorrt
        import torch

        from emotrack.engines.backends.tensorrt_build import SETTINGS

        properties = torch.cuda.get_device_properties(self._device)
        return {
            "torch": torch.__version__,
            "tensorrt": tensorrt.__version__,
            "torch-tensorrt": _torch_tensorrt(),
            "settings": str(SETTINGS),
            "gpu": properties.name,
            "compute capability": f"{properties.major}.{properties.minor}",
            "driver": _driver(),
        }

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        """See `CompilingBackend.build`."""
        if find_spec("torch_tensorrt") is None:
            raise EngineRefused(
                f"torch-tensorrt, which builds its engines, is not installed ({_INSTALL} brings it)"
            )
        from emotrack.engines.backends.device_worker import device_worker
        from emotrack.engines.backends.tensorrt_build import programs, serialized

        worker = device_worker(self._device)
        for place, (shapes, program) in enumerate(programs(spec, precision)):
            engine = worker.call(partial(serialized, shapes, program))
            (folder / f"{place}-{ENGINE_FILE}").write_bytes(engine)

    def open(self, spec: Spec, folder: Path) -> Runner:
        """See `CompilingBackend.open`."""
        from emotrack.engines.backends.device_worker import device_worker
        from emotrack.engines.backends.tensorrt_run import TensorRTRunner

        engines = [path.read_bytes() for path in sorted(folder.glob(f"*{ENGINE_FILE}"))]
        return TensorRTRunner(spec, engines, device_worker(self._device))


def _torch_tensorrt() -> str:
    """Its version, without importing it, which takes seconds."""
    try:
        return version("torch-tensorrt")
    except PackageNotFoundError:
        return "none"


def _driver() -> str:
    """The newest CUDA that the driver knows."""
    found = ctypes.c_int(0)
    ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(found))
    return f"CUDA {found.value // 1000}.{found.value % 1000 // 10}"
