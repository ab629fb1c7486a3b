"""One engine for many sessions: work that waits at the same time is done together.

Nobody owns a thread for it: of those who wait, one runs the batch for all. So a session alone runs its work
itself, at once. Items of different lengths are padded to the longest, which the network's masks hide.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from emotrack.engines.contract.engine import Engine, EngineDescription
from emotrack.engines.contract.spec import Arrays, Sizes, Spec

WAITING_LIMIT = 256
"""Items that may wait; who comes then waits for room."""

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


@contextlib.contextmanager
def wanted_by(deadline: float) -> Iterator[None]:
    """What this thread asks of engines meanwhile goes before what is wanted later; `deadline`: seconds of the
    monotonic clock."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


@dataclass(slots=True, eq=False)
class _Request:
    inputs: Arrays
    sizes: dict[str, int]
    deadline: float
    arrived: float = field(default_factory=time.monotonic)
    outputs: Arrays | None = None
    failure: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.outputs is not None or self.failure is not None


class Batcher:
    """Runs an engine for any number of threads; the most urgent first, as many at once as the engine
    takes."""

    def __init__(self, engine: Engine, *, delay: float = 0.0) -> None:
        """`delay`: seconds that the first of a batch waits for others, less where its deadline is near."""
        self.batches = 0
        self.items = 0
        self._engine = engine
        self._delay = delay
        self._largest = engine.spec.axes["batch"].maximum
        self._waiting: list[_Request] = []
        self._running = False
        self._last_seconds = 0.0
        self._condition = threading.Condition()

    @property
    def spec(self) -> Spec:
        """Of the network that it runs."""
        return self._engine.spec

    @property
    def info(self) -> EngineDescription:
        """What is known of the engine."""
        return self._engine.info

    def run(self, **inputs: np.ndarray) -> Arrays:
        """`Engine.run`, together with what other threads ask for at the same time."""
        return self.run_named(inputs)

    def run_named(self, inputs: Arrays) -> Arrays:
        """`run` of inputs that are in a mapping already."""
        request = _Request(inputs, self.spec.measure(inputs), _deadline.get())
        with self._condition:
            self._condition.wait_for(lambda: len(self._waiting) < WAITING_LIMIT)
            self._waiting.append(request)
            self._condition.notify_all()
            while not request.done:
                if self._running:
                    self._condition.wait()
                    continue
                self._running = True
                try:
                    batch = self._collect()
                    self._condition.release()
                    try:
                        self._serve(batch)
                    finally:
                        self._condition.acquire()
                finally:
                    self._running = False
                    self._condition.notify_all()
        if request.failure is not None:
            raise request.failure
        assert request.outputs is not None
        return request.outputs

    def _collect(self) -> list[_Request]:
        """Take the next batch out of what waits, after waiting for others as long as that is allowed."""
        while (left := self._patience()) > 0:
            self._condition.wait(left)
        self._waiting.sort(key=lambda request: (request.deadline, request.arrived))
        batch: list[_Request] = []
        rows = 0
        for request in self._waiting:
            if batch and rows + request.sizes["batch"] > self._largest:
                break
            batch.append(request)
            rows += request.sizes["batch"]
        del self._waiting[: len(batch)]
        return batch

    def _patience(self) -> float:
        """Seconds for which the next batch may still wait to become larger."""
        if self._delay == 0 or sum(request.sizes["batch"] for request in self._waiting) >= self._largest:
            return 0.0
        begin = min(request.arrived for request in self._waiting) + self._delay
        return (
            min(begin, min(request.deadline for request in self._waiting) - self._last_seconds)
            - time.monotonic()
        )

    def _serve(self, batch: list[_Request]) -> None:
        began = time.monotonic()
        try:
            sizes = [request.sizes for request in batch]
            joined = join(self.spec, [request.inputs for request in batch], sizes)
            outputs = split(self.spec, self._engine.run_named(joined), sizes)
            for request, own in zip(batch, outputs, strict=True):
                request.outputs = own
        except BaseException as failure:  # noqa: BLE001 - raised on the thread that waits for it
            if len(batch) == 1:
                batch[0].failure = failure
            else:  # whose fault it is only shows when each is run alone
                for request in batch:
                    self._serve([request])
            return
        self._last_seconds = time.monotonic() - began
        self.batches += 1
        self.items += len(batch)


def join(spec: Spec, inputs: Sequence[Arrays], sizes: Sequence[Sizes]) -> Arrays:
    """Inputs of these sizes as one batch, padded to the longest of them along every other axis."""
    if len(inputs) == 1:
        return inputs[0]
    longest = {name: max(one[name] for one in sizes) for name in spec.axes}
    padded = [{**longest, "batch": one["batch"]} for one in sizes]
    return {
        port.name: np.concatenate(
            [port.padded(one[port.name], lengths) for one, lengths in zip(inputs, padded, strict=True)]
        )
        for port in spec.inputs
    }


def split(spec: Spec, outputs: Arrays, sizes: Sequence[Sizes]) -> list[Arrays]:
    """The outputs of each of the joined inputs, which were so long, cut out of those of the batch."""
    if len(sizes) == 1:
        return [outputs]
    ends = np.cumsum([one["batch"] for one in sizes])
    return [
        {
            port.name: port.cut(outputs[port.name][end - one["batch"] : end], one).copy()
            for port in spec.outputs
        }
        for end, one in zip(ends, sizes, strict=True)
    ]
