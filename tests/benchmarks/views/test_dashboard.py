"""Twenty browsers that follow a session: what the dashboard costs, and how late a message reaches them."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from websockets.asyncio.client import connect

from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import API, Dashboard, dashboard
from helpers.sessions.wire import publishing

BROWSERS = 20
RATE = 20
SECONDS = 10.0


def processor_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def talking(outbox: Outbox) -> Iterator[None]:
    """Labels, faces and states of people, `RATE` in a second, for as long as the block runs."""
    stop = threading.Event()

    def talk() -> None:
        due, number = time.monotonic(), 0
        while not stop.wait(max(0.0, due - time.monotonic())):
            due, number = due + 1 / RATE, number + 1
            bodies = (sample.face(number % 2), sample.person(), sample.emotion(number // 4, state="partial"))
            outbox.emit(bodies[number % 3])

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def browse(running: Dashboard, path: str, late: list[float], until: float) -> None:
    """One browser's worth of traffic: the WebSocket, or server-sent events."""
    joined = time.time_ns()
    if path == "stream":
        async with connect(f"ws://127.0.0.1:{running.port}{API}/stream", compression=None) as opened:
            while time.monotonic() < until:
                note(await opened.recv(decode=False), joined, late)
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(f"GET {API}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    while time.monotonic() < until:
        if (line := await reader.readline()).startswith(b"data: "):
            note(line[6:], joined, late)
    writer.close()
    await writer.wait_closed()


def note(payload: bytes, joined: int, late: list[float]) -> None:
    """Note how late a message is, unless it tells of what was before."""
    if (published := decode(payload).published_unix_ns) > joined:
        late.append((time.time_ns() - published) / 1e6)


def cost(running: Dashboard, path: str, browsers: int) -> tuple[float, np.ndarray]:
    """Processor seconds a second that the dashboard needs, and how late each message is there (ms)."""
    late: list[float] = []

    async def all_of_them() -> None:
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(browse(running, path, late, until) for _ in range(browsers)))

    began, used = time.monotonic(), processor_seconds(running.process.pid)
    asyncio.run(all_of_them())
    spent = (processor_seconds(running.process.pid) - used) / (time.monotonic() - began)
    assert len(late) > 0.9 * browsers * RATE * SECONDS
    return spent, np.array(late)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_twenty_browsers(benchmark: BenchmarkFixture) -> None:
    """Goals at 20 messages a second: at most a tenth of a core, and 150 ms at the 95th percentile."""
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as running, talking(outbox):
        running.wait_for(session="s1", connected=True)
        alone, _ = cost(running, "stream", 1)
        sockets, late = benchmark.pedantic(cost, (running, "stream", BROWSERS), rounds=1)
        events, _ = cost(running, "events", BROWSERS)
    benchmark.extra_info["cores, one browser"] = round(alone, 3)
    benchmark.extra_info["cores, twenty browsers"] = round(sockets, 3)
    benchmark.extra_info["cores, twenty readers of server-sent events"] = round(events, 3)
    benchmark.extra_info["p50, p95 (ms)"] = [round(float(np.percentile(late, at)), 1) for at in (50, 95)]
