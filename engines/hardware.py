"""Whether there is a GPU, asked of the driver itself, so that a machine without one never imports torch to learn that."""

import ctypes
from functools import cache

from emotrack.model.errors import first_line

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
    return None if torch.cuda.is_available() else "torch cannot use the GPU: its CUDA build does not go with the driver"
