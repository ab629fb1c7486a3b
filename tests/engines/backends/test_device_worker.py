"""The thread that owns a device: one for all who ask, in turn, and what goes wrong on it is told to who
asked."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from emotrack.engines.backends.device_worker import DeviceWorker, device_worker


@pytest.fixture
def worker() -> Iterator[DeviceWorker]:
    made = DeviceWorker(torch.device("cpu"))
    yield made
    made.close()


def test_all_work_is_done_on_one_thread_whoever_asks(worker: DeviceWorker) -> None:
    with ThreadPoolExecutor(8) as threads:
        used = set(threads.map(lambda _: worker.call(threading.get_ident), range(100)))
    assert len(used) == 1
    assert threading.get_ident() not in used


def test_work_is_done_one_after_the_other(worker: DeviceWorker) -> None:
    inside, together = 0, []

    def work() -> None:
        nonlocal inside
        inside += 1
        together.append(inside)
        torch.randn(100, 100).sum()
        inside -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: worker.call(work), range(100)))
    assert together == [1] * 100


def test_an_error_is_raised_where_it_was_asked_and_the_worker_goes_on(worker: DeviceWorker) -> None:
    def fail() -> None:
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        worker.call(fail)
    assert worker.call(lambda: 1) == 1


def test_what_runs_on_the_worker_may_call_it(worker: DeviceWorker) -> None:
    assert worker.call(lambda: worker.call(lambda: 2)) == 2


def test_closing_waits_for_what_was_asked_for_and_ends_the_thread() -> None:
    worker = DeviceWorker(torch.device("cpu"))
    begun, may_end = threading.Event(), threading.Event()

    def work() -> threading.Thread:
        begun.set()
        may_end.wait(10)
        return threading.current_thread()

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(worker.call, work)
        begun.wait(10)
        threading.Timer(0.05, may_end.set).start()
        worker.close()
        assert not asked.result().is_alive()


class Held:
    """Writes down the thread on which it ends."""

    def __init__(self, ended: list[int]) -> None:
        self.ended = ended

    def __del__(self) -> None:
        self.ended.append(threading.get_ident())


@pytest.mark.parametrize("closed", [False, True])
def test_what_lives_on_the_device_ends_on_its_thread_when_its_owner_is_gone(
    worker: DeviceWorker, closed: bool
) -> None:
    class Owner:
        pass

    owner = Owner()
    ended: list[int] = []
    thread = worker.call(threading.get_ident)
    worker.drop_with(owner, [Held(ended), Held(ended)])
    worker.call(bool)
    assert ended == []
    del owner
    worker.close() if closed else worker.call(bool)
    assert ended == [thread, thread]


def test_a_device_has_one_worker_until_it_is_closed() -> None:
    with ThreadPoolExecutor(8) as threads:
        workers = set(threads.map(lambda _: device_worker("cpu:0"), range(50)))  # others use "cpu"
    (worker,) = workers
    worker.close()
    assert device_worker("cpu:0") is not worker
    device_worker("cpu:0").close()


def test_on_a_gpu_all_work_is_queued_on_a_stream_of_its_own() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    worker = device_worker("cuda")
    assert worker is device_worker("cuda:0")
    assert worker.stream != 0
    assert worker.call(lambda: torch.cuda.current_stream().cuda_stream) == worker.stream
    assert torch.cuda.current_stream().cuda_stream != worker.stream
