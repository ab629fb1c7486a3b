"""A thousand subscribers: what publishing to them costs, and how late they hear it, beside plain pyzmq."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zmq
from pytest_benchmark.fixture import BenchmarkFixture

from emotrack.stream.wire.protocol.encoding import decode
from helpers.sessions.strangers import publisher_process

SUBSCRIBERS = 1_000
RATE = 20
SECONDS = 10.0
DESCRIPTORS = 8_192

RAW = """
import sys, time, threading
import zmq
from helpers.sessions import sample_messages as sample
from emotrack.stream.wire.publish.outbox import Outbox

class Raw:
    prompt = True
    def __init__(self):
        self.socket = zmq.Context().socket(zmq.PUB)
        self.socket.bind("tcp://127.0.0.1:0")
    def write(self, outgoing):
        self.socket.send_multipart([outgoing.topic.encode(), outgoing.json])
    def close(self):
        pass

raw = Raw()
outbox = Outbox("s1", [raw])
print(raw.socket.last_endpoint.decode(), flush=True)
due = time.monotonic()
while True:
    due += 1 / int(sys.argv[1])
    outbox.emit(sample.heartbeat())
    time.sleep(max(0.0, due - time.monotonic()))
"""


@contextmanager
def raw_publisher() -> Iterator[tuple[str, int]]:
    """The same messages by a PUB socket and nothing else."""
    with subprocess.Popen(
        [sys.executable, "-c", RAW, str(RATE)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.kill()


def processor_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listen(endpoint: str, pid: int) -> tuple[float, np.ndarray]:
    """Processor seconds a second that the publisher needs, and how late each message is heard (ms)."""
    with zmq.Context() as context:
        context.max_sockets = 2 * SUBSCRIBERS
        poller = zmq.Poller()
        sockets = []
        for _ in range(SUBSCRIBERS):
            opened = context.socket(zmq.SUB)
            opened.linger = 0
            opened.subscribe(b"emotrack/1/")
            opened.connect(endpoint)
            sockets.append(opened)
            poller.register(opened, zmq.POLLIN)
        heard: set[zmq.Socket[bytes]] = set()
        until = time.monotonic() + 30
        while len(heard) < SUBSCRIBERS and time.monotonic() < until:
            for opened, _ in poller.poll(1000):
                opened.recv_multipart()
                heard.add(opened)
        assert len(heard) == SUBSCRIBERS
        late = []
        began, used = time.monotonic(), processor_seconds(pid)
        while time.monotonic() < began + SECONDS:
            for opened, _ in poller.poll(1000):
                payload = opened.recv_multipart()[1]
                late.append((time.time_ns(), payload))
        cost = (processor_seconds(pid) - used) / (time.monotonic() - began)
        for opened in sockets:
            opened.close()
    sent: dict[bytes, int] = {}
    for _, payload in late:
        if payload not in sent:
            sent[payload] = decode(payload).published_unix_ns
    assert len(late) > 0.9 * SUBSCRIBERS * RATE * SECONDS
    return cost, np.array([(at - sent[payload]) / 1e6 for at, payload in late])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_a_thousand_subscribers(benchmark: BenchmarkFixture) -> None:
    """Goals at 20 messages a second: at most one core, 50 ms at the 99th percentile on loopback, and at least
    0.8 of what plain pyzmq does with as much processor time."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with raw_publisher() as (endpoint, pid):
        raw, raw_late = listen(endpoint, pid)
    with publisher_process(rate=RATE, descriptors=DESCRIPTORS) as (target, pid):
        cost, late = benchmark.pedantic(listen, (target.messages, pid), rounds=1)
    benchmark.extra_info["cores"] = round(cost, 3)
    benchmark.extra_info["cores of plain pyzmq"] = round(raw, 3)
    benchmark.extra_info["ratio to plain pyzmq"] = round(raw / cost, 2)
    benchmark.extra_info["p50, p99 (ms)"] = [round(float(np.percentile(late, at)), 1) for at in (50, 99)]
    benchmark.extra_info["p50, p99 (ms) of plain pyzmq"] = [
        round(float(np.percentile(raw_late, at)), 1) for at in (50, 99)
    ]
