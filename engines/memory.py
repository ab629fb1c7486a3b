"""What engines take of the machine's memory, and whether there is room."""

from collections.abc import Iterable

import psutil

from emotrack.engines.engine import EngineInfo
from emotrack.model.errors import UserError


def used_bytes(on_gpu: bool) -> int:
    """What this process holds now of the machine's memory, or what all hold of the GPU's."""
    if not on_gpu:
        resident: int = psutil.Process().memory_info().rss
        return resident
    import torch

    free, total = torch.cuda.mem_get_info()
    return total - free


def free_bytes(on_gpu: bool) -> int:
    """What is free now, of the machine's memory or of the GPU's."""
    if not on_gpu:
        available: int = psutil.virtual_memory().available
        return available
    import torch

    return torch.cuda.mem_get_info()[0]


def require_room(network: str, wanted: int, on_gpu: bool) -> None:
    """Raises `UserError` where an engine that takes `wanted` bytes does not fit into what is free."""
    free = free_bytes(on_gpu)
    if wanted > free:
        place = "the GPU's memory" if on_gpu else "memory"
        raise UserError(
            f"The network {network} takes {wanted / 1e9:.1f} GB of {place} and {free / 1e9:.1f} GB are free: end other programs, "
            "or leave a stream out with --set engines.text=none (audio, face)."
        )


def summary(engines: Iterable[EngineInfo]) -> str:
    """What runs the networks and what they take, in one sentence."""
    listed = list(engines)
    backends = ", ".join(sorted({engine.backend for engine in listed}))
    total = sum(engine.memory_bytes for engine in listed)
    free = free_bytes(on_gpu=False)
    return f"{len(listed)} networks run on {backends} and take about {total / 1e9:.1f} GB; {free / 1e9:.1f} GB of memory are free."
