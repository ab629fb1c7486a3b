"""What a bridge costs for each message, beside what it costs to write the message as JSON: the same messages
in the same run, so that the machine's mood divides out."""

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from emotrack.stream.wire.bridges import ros2
from emotrack.stream.wire.bridges.open import open_bridge
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import Outgoing
from helpers.bridges.broker import broker, listening, unused_port
from helpers.bridges.scene import outgoing
from helpers.sessions import sample_messages as sample
from helpers.stand_ins import rclpy_stand_in

ROUNDS = 200
GOAL_MS = 1.0
"""Milliseconds a message, in the median."""


@pytest.fixture
def messages() -> list[Outgoing]:
    """A session of minutes: labels, states and faces of two people."""
    bodies: list[Message] = [sample.session()]
    for number in range(ROUNDS):
        name, when = f"spk{number % 2}", 2.0 * number
        bodies += [
            sample.emotion(number, name, state="partial", start=when, end=when + 1.0),
            sample.face(number % 2, time=when + 1.0, label="joy", confidence=0.5, reason=None),
            sample.person(name, time=when + 1.5, face=number % 2, speaking=True, utterance=number),
            sample.emotion(number, name, start=when, end=when + 1.8),
        ]
    return outgoing(bodies)


@pytest.fixture
def receiver() -> Iterator[int]:
    """A port at which packets arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        yield opened.getsockname()[1]


def each(act: Callable[[Outgoing], object], messages: list[Outgoing]) -> list[float]:
    """Milliseconds for each message."""
    found = []
    for one in messages:
        began = time.perf_counter()
        act(one)
        found.append((time.perf_counter() - began) * 1e3)
    return found


def passed(messages: list[Outgoing], found: list[float]) -> list[float]:
    """The figures of states and final labels, which every bridge passes on."""
    return [
        figure
        for one, figure in zip(messages, found, strict=True)
        if getattr(one.message, "state", None) in ("present", "final")
    ]


def measure(benchmark: BenchmarkFixture, url: str, messages: list[Outgoing]) -> None:
    written = statistics.median(passed(messages[1:], each(lambda one: encode(one.message), messages[1:])))
    bridge = open_bridge(url, insecure=True)
    bridge.write(messages[0])  # which connects
    found = passed(messages[1:], benchmark.pedantic(each, (bridge.write, messages[1:]), rounds=1))
    bridge.close()
    median, worst = statistics.median(found), statistics.quantiles(found, n=100)[98]
    benchmark.extra_info["p50, p99 (ms a message)"] = [round(median, 4), round(worst, 4)]
    benchmark.extra_info["times encode()"] = round(median / written, 1)
    assert median <= GOAL_MS


def test_lsl(benchmark: BenchmarkFixture, messages: list[Outgoing]) -> None:
    """To streams that nobody has opened."""
    measure(benchmark, "lsl:", messages)


def test_osc(benchmark: BenchmarkFixture, messages: list[Outgoing], receiver: int) -> None:
    measure(benchmark, f"osc://127.0.0.1:{receiver}", messages)


def test_mqtt(benchmark: BenchmarkFixture, messages: list[Outgoing], tmp_path: Path) -> None:
    """To a broker in another process, with a subscriber."""
    port = unused_port()
    with broker("mosquitto", tmp_path, port), listening(port):
        measure(benchmark, f"mqtt://127.0.0.1:{port}", messages)


def test_rerun(benchmark: BenchmarkFixture, messages: list[Outgoing], tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk is not for this Python")
    measure(benchmark, f"rerun:{tmp_path / 'session.rrd'}", messages)


def test_ros2(benchmark: BenchmarkFixture, messages: list[Outgoing], monkeypatch: pytest.MonkeyPatch) -> None:
    """Our part of it: with a stand-in for ROS, whose own part is not measured."""
    rclpy_stand_in.install(monkeypatch)
    ros2.message_type.cache_clear()
    measure(benchmark, "ros2:", messages)
    ros2.message_type.cache_clear()
