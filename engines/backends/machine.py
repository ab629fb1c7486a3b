"""The machine that engines run on: whether it has a GPU, asked of the driver itself, and whether there is
room for them."""

import ctypes
from collections.abc import Iterable
from functools import cache

import psutil

from emotrack.engines.contract.engine import EngineDescription, NoRoom
from emotrack.errors import UserError, first_line

NO_GPU = "there is no NVIDIA GPU, or no driver for it"


@cache
def gpu_obstacle() -> str | None:
    """Why nothing can run on a GPU here, in plain words without a full stop; None where torch can use one."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return NO_GPU
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return NO_GPU
    try:
        import torch
    except (ImportError, OSError) as error:
        return f"torch, which reaches the GPU, does not load ({first_line(error)})"
    return (
        None
        if torch.cuda.is_available()
        else "torch cannot use the GPU: its CUDA build does not go with the driver"
    )


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

    Raises `NoRoom` where the GPU is full, for then the processor is left, and `UserError` where the machine
    is, for there every other backend takes more.
    """
    free = free_bytes(on_gpu)
    if wanted <= free:
        return
    if on_gpu:
        raise NoRoom(f"it takes {wanted / 1e9:.1f} GB of the GPU's memory and {free / 1e9:.1f} GB are free")
    raise UserError(
        f"The network {network} takes {wanted / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free: "
        "end other programs, or leave a stream out with --set engines.text=none (audio, face)."
    )


def summary(engines: Iterable[EngineDescription]) -> str:
    """What runs the networks and what they take, in one sentence."""
    listed = list(engines)
    backends = ", ".join(sorted({engine.backend for engine in listed}))
    total = sum(engine.memory_bytes for engine in listed)
    free = free_bytes(on_gpu=False)
    return (
        f"{len(listed)} networks run on {backends} and take about {total / 1e9:.1f} GB; {free / 1e9:.1f} "
        "GB of memory are free."
    )
