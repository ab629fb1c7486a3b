"""What engines take of the machine's memory, and whether there is room."""

from collections.abc import Iterable

import psutil

from emotrack.engines.engine import EngineInfo, NoRoom
from emotrack.model.errors import UserError


def used_bytes(on_gpu: bool) -> int:
    """What this process holds now of the machine's memory, or of the GPU's through torch."""
    if not on_gpu:
        resident: int = psutil.Process().memory_info().rss
        return resident
    import torch

    return torch.cuda.memory_reserved()


def free_bytes(on_gpu: bool) -> int:
    """What is free now, of the machine's memory or of the GPU's."""
    if not on_gpu:
        available: int = psutil.virtual_memory().available
        return available
    import torch

    return torch.cuda.mem_get_info()[0]


def require_room(network: str, wanted: int, on_gpu: bool) -> None:
    """See to it that an engine that takes `wanted` bytes fits into what is free.

    Raises `NoRoom` where the GPU is full, for then the processor is left, and `UserError` where the machine is, for there
    every other backend takes more.
    """
    free = free_bytes(on_gpu)
    if wanted <= free:
        return
    if on_gpu:
        raise NoRoom(f"it takes {wanted / 1e9:.1f} GB of the GPU's memory and {free / 1e9:.1f} GB are free")
    raise UserError(
        f"The network {network} takes {wanted / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free: end other programs, "
        "or leave a stream out with --set engines.text=none (audio, face)."
    )


def summary(engines: Iterable[EngineInfo]) -> str:
    """What runs the networks and what they take, in one sentence."""
    listed = list(engines)
    backends = ", ".join(sorted({engine.backend for engine in listed}))
    total = sum(engine.memory_bytes for engine in listed)
    free = free_bytes(on_gpu=False)
    return f"{len(listed)} networks run on {backends} and take about {total / 1e9:.1f} GB; {free / 1e9:.1f} GB of memory are free."
