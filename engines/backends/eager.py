"""torch itself, running the network as it is written: there is always this one, and the others are measured
by it."""

from typing import TYPE_CHECKING, Any, Literal

from emotrack.engines.backends.machine import gpu_obstacle
from emotrack.engines.contract.definition import OnnxFile
from emotrack.engines.contract.engine import NoRoom, Runner
from emotrack.engines.contract.spec import Arrays, Precision, Sizes, Spec

if TYPE_CHECKING:
    from torch import nn

    from emotrack.engines.backends.device_worker import DeviceWorker


class Eager:
    """Runs on the processor, or on the GPU that torch finds."""

    keeps: Literal[False] = False
    precisions: tuple[Precision, ...] = ("fp32",)
    optional: tuple[Precision, ...] = ()

    def __init__(self, device: str, threads: int = 1) -> None:
        """`device`: cpu or cuda; `threads`: processor threads of one run."""
        self._threads = threads
        self.name = f"eager-{device}"
        self.on_gpu = device == "cuda"
        self.is_reference = not self.on_gpu
        self._device = device

    def obstacle(self, spec: Spec) -> str | None:
        """See `Backend.obstacle`."""
        if isinstance(spec.definition, OnnxFile):
            return "the network is given as ONNX"
        return gpu_obstacle() if self.on_gpu else None

    def start(self, spec: Spec) -> Runner:
        """See `DirectBackend.start`."""
        if self.on_gpu:
            from emotrack.engines.backends.device_worker import device_worker

            return OnWorker(spec, device_worker(self._device))
        import torch

        torch.set_num_threads(self._threads)  # of the whole process: torch knows no other way
        return EagerRunner(spec, self._device)


class EagerRunner:
    """One network in torch's inference mode."""

    memory_bytes = None

    def __init__(self, spec: Spec, device: str) -> None:
        self._spec = spec
        self._device = device
        if device == "cuda":
            exact_arithmetic()
        self._network = placed(spec.definition.build(), device)

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        """See `Runner.run`."""
        import torch

        with torch.inference_mode():
            given = [torch.from_numpy(inputs[port.name]).to(self._device) for port in self._spec.inputs]
            found = self._network(*given)
        return {
            port.name: tensor.cpu().numpy().copy()
            for port, tensor in zip(self._spec.outputs, as_tuple(found), strict=True)
        }


class OnWorker:
    """The same on the one thread that owns the device: nothing else may touch it while graphs are captured
    there."""

    memory_bytes = None

    def __init__(self, spec: Spec, worker: "DeviceWorker") -> None:
        self._worker = worker
        self._held = worker.call(lambda: [EagerRunner(spec, worker.device.type)])
        worker.drop_with(self, self._held)

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        """See `Runner.run`."""
        return self._worker.call(lambda: self._held[0].run(inputs, sizes))


def placed(network: "nn.Module", device: str) -> "nn.Module":
    """`network` on a device; raises `NoRoom` where it does not fit."""
    import torch

    try:
        return network.to(device)
    except torch.OutOfMemoryError as error:
        raise NoRoom("the GPU has no room for it") from error


def exact_arithmetic() -> None:
    """Keep torch from rounding fp32 to ten bits on a GPU, as it does in convolutions unless told
    otherwise."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def as_tuple(outputs: object) -> tuple[Any, ...]:
    """What a network gives, as a tuple also where it gives one tensor."""
    return outputs if isinstance(outputs, tuple) else (outputs,)
