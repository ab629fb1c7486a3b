"""torch itself, running the network as it is written: there is always this one, and the others are measured by it."""

from pathlib import Path

from emotrack.engines.definition import OnnxFile
from emotrack.engines.engine import Runner
from emotrack.engines.hardware import gpu_obstacle
from emotrack.engines.spec import Arrays, Precision, Sizes, Spec


class Eager:
    """Runs on the processor, or on the GPU that torch finds."""

    compiler = "emotrack.engines.backends.eager"
    keeps = False
    is_reference = True
    precisions: tuple[Precision, ...] = ("fp32",)
    optional: tuple[Precision, ...] = ()

    def __init__(self, device: str, threads: int = 1) -> None:
        """`device`: cpu or cuda; `threads`: processor threads of one run."""
        self._threads = threads
        self.name = f"eager-{device}"
        self.on_gpu = device == "cuda"
        self._device = device

    def obstacle(self, spec: Spec) -> str | None:
        if isinstance(spec.definition, OnnxFile):
            return "the network is given as ONNX"
        return gpu_obstacle() if self.on_gpu else None

    def hardware(self) -> dict[str, str]:
        return {}

    def build(self, spec: Spec, precision: Precision, folder: Path) -> None:
        raise NotImplementedError("nothing is kept of a network that torch runs")

    def open(self, spec: Spec, precision: Precision, folder: Path) -> Runner:
        import torch

        torch.set_num_threads(self._threads)  # of the whole process: torch knows no other way
        return EagerRunner(spec, self._device)


class EagerRunner:
    """One network in torch's inference mode."""

    def __init__(self, spec: Spec, device: str) -> None:
        self._spec = spec
        self._device = device
        self._network = spec.definition.build().to(device)
        if device == "cuda":
            exact_arithmetic()

    def run(self, inputs: Arrays, sizes: Sizes) -> Arrays:
        import torch

        with torch.inference_mode():
            given = [torch.from_numpy(inputs[port.name]).to(self._device) for port in self._spec.inputs]
            found = self._network(*given)
        return {port.name: tensor.cpu().numpy().copy() for port, tensor in zip(self._spec.outputs, as_tuple(found), strict=True)}


def exact_arithmetic() -> None:
    """Keep torch from rounding fp32 to ten bits on a GPU, as it does in convolutions unless told otherwise."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def as_tuple(outputs: object) -> tuple:
    """What a network gives, as a tuple also where it gives one tensor."""
    return outputs if isinstance(outputs, tuple) else (outputs,)
