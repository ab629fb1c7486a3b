"""The one thread that touches a device: contexts, streams and captures are made, used and dropped on it,
whoever asks."""

import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")
_lock = threading.Lock()
_workers: dict[torch.device, "DeviceWorker"] = {}


class DeviceWorker:
    """Runs functions one after the other on its own thread, whose current device and CUDA stream are its
    own."""

    def __init__(self, device: torch.device) -> None:
        """`device`: a CUDA device with its index, or the processor, which has no streams."""
        self.device = device
        self.stream = 0
        """The handle of the stream on which all of its work is queued."""
        self._left: deque[dict[Any, Any] | list[Any]] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"emotrack {device}")
        self._thread = self._pool.submit(self._begin).result()

    def call(self, function: Callable[[], Result]) -> Result:
        """What `function` gives on the worker's thread; what it raises is raised here. It may itself call."""
        if threading.get_ident() == self._thread:
            return function()
        return self._pool.submit(self._work, function).result()

    def drop_with(self, owner: object, held: dict[Any, Any] | list[Any]) -> None:
        """Once `owner` is gone, empty `held` on the worker's thread, before what it does next: what lives on
        the device ends there.

        An owner may go at any moment and on any thread, so that nothing more can be done then than to write
        it down.
        """
        weakref.finalize(owner, self._left.append, held).atexit = False

    def close(self) -> None:
        """Wait for what was asked for, and end the thread; it also ends with the process."""
        with _lock:
            if _workers.get(self.device) is self:
                del _workers[self.device]
        with contextlib.suppress(RuntimeError):  # closed before
            self._pool.submit(self._work, bool)
        self._pool.shutdown()

    def _work(self, function: Callable[[], Result]) -> Result:
        while self._left:
            self._left.popleft().clear()
        return function()

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
