"""The one thread that touches a device: contexts, streams and captures are made, used and dropped on it, whoever asks."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Result = TypeVar("Result")

_lock = threading.Lock()
_workers: dict[torch.device, "DeviceWorker"] = {}


class DeviceWorker:
    """Runs functions one after the other on its own thread, whose current device and CUDA stream are its own."""

    def __init__(self, device: torch.device) -> None:
        """`device`: a CUDA device with its index, or the processor, which has no streams."""
        self.device = device
        self.stream = 0
        """The handle of the stream on which all of its work is queued."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"emotrack {device}")
        self._thread = self._pool.submit(self._begin).result()

    def call(self, function: Callable[[], Result]) -> Result:
        """What `function` gives on the worker's thread; what it raises is raised here. It may itself call."""
        if threading.get_ident() == self._thread:
            return function()
        return self._pool.submit(function).result()

    def close(self) -> None:
        """Wait for what was asked for, and end the thread; it also ends with the process."""
        with _lock:
            if _workers.get(self.device) is self:
                del _workers[self.device]
        self._pool.shutdown()

    def _begin(self) -> int:
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
            stream = torch.cuda.Stream(self.device)
            torch.cuda.set_stream(stream)
            self.stream = stream.cuda_stream
        return threading.get_ident()


def device_worker(name: str = "cuda") -> DeviceWorker:
    """The worker of this process for a device: cpu, cuda (the first one), or cuda with an index."""
    device = torch.device("cuda:0" if name == "cuda" else name)
    with _lock:
        if device not in _workers:
            _workers[device] = DeviceWorker(device)
        return _workers[device]
