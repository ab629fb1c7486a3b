"""The publisher on real sockets: what it binds and refuses, that its last words arrive, and that requests
cannot hurt it."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import zmq

from emotrack.errors import UserError
from emotrack.stream.wire.client.subscription import subscribe
from emotrack.stream.wire.protocol.endpoints import Address, parse_endpoint
from emotrack.stream.wire.protocol.messages import Heartbeat, Session
from emotrack.stream.wire.protocol.snapshots import LARGEST_REQUEST
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import LOCAL, connect, emit_all, publishing, receive, unused_endpoint


def test_a_free_port_is_chosen_and_told() -> None:
    with publishing() as (publisher, outbox):
        address = parse_endpoint(publisher.endpoint)
        assert address.host == "127.0.0.1" and address.port > 0
        beat = outbox.emit(sample.heartbeat())
        assert isinstance(beat, Heartbeat) and beat.snapshot_endpoint == publisher.snapshot_endpoint


def test_the_snapshot_socket_is_on_the_next_port() -> None:
    endpoint = unused_endpoint()
    with publishing(endpoint=endpoint) as (publisher, _):
        assert publisher.snapshot_endpoint == f"tcp://127.0.0.1:{parse_endpoint(endpoint).port + 1}"


@pytest.mark.parametrize(
    "endpoint", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0", "tcp://192.0.2.7:0", "tcp://robot.local:0"]
)
def test_other_machines_are_kept_out_without_keys(endpoint: str) -> None:
    with pytest.raises(UserError, match=r"keys.*--insecure\.$"):
        Publisher(endpoint)
    with pytest.raises(UserError, match="--insecure"):
        Publisher(LOCAL, snapshot_endpoint=endpoint)


def test_insecure_is_allowed_when_said() -> None:
    with publishing(endpoint="tcp://0.0.0.0:0", insecure=True) as (publisher, outbox):
        assert publisher.endpoint.startswith("tcp://0.0.0.0:")
        port = parse_endpoint(publisher.endpoint).port
        with subscribe(f"tcp://127.0.0.1:{port}", since=0) as subscription:
            sent = connect(subscription, outbox)
            assert receive(subscription, len(sent)) == sent


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("localhost:5556", "tcp://HOST:PORT"),
        ("tcp://127.0.0.1", "tcp://HOST:PORT"),
        ("tcp://127.0.0.1:70000", "tcp://HOST:PORT"),
        ("udp://127.0.0.1:5556", "tcp://HOST:PORT"),
        ("ipc://", "ipc://PATH"),
        ("ipc:///no/such/folder/socket", "No such file"),
    ],
)
def test_a_bad_endpoint_is_one_sentence(endpoint: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        Publisher(endpoint)
    assert "\n" not in str(caught.value)


def test_a_port_in_use_is_one_sentence() -> None:
    with publishing() as (publisher, _):
        with pytest.raises(UserError, match=r"in use.*--publish\.$"):
            Publisher(publisher.endpoint)
        with pytest.raises(UserError, match="in use"):
            Publisher(LOCAL, snapshot_endpoint=publisher.endpoint)
        port = parse_endpoint(publisher.endpoint).port
        messages, snapshots = f"tcp://127.0.0.1:{port - 1}", publisher.endpoint
        with pytest.raises(UserError) as caught:  # the port beside is the one that is taken
            Publisher(messages)
        assert messages in str(caught.value) and f"snapshots at {snapshots}" in str(caught.value)
    assert not [thread for thread in threading.enumerate() if thread.name == "publisher"]


def test_ipc(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/socket"
    with publishing(endpoint=endpoint, encoding="msgpack") as (publisher, outbox):
        assert publisher.snapshot_endpoint == endpoint + ".snapshot"
        with pytest.raises(UserError, match="in use"):
            Publisher(endpoint)
        sent = [outbox.emit(sample.session()), outbox.emit(sample.emotion())]
        with subscribe(endpoint, since=0) as subscription:
            assert receive(subscription, 2) == sent
    assert not list(tmp_path.iterdir())


def test_a_socket_file_that_a_dead_publisher_left_is_taken_over(tmp_path: Path) -> None:
    left = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    with (
        publishing(endpoint=f"ipc://{left}") as (publisher, outbox),
        subscribe(publisher.endpoint, since=0) as subscription,
    ):
        sent = connect(subscription, outbox)
        assert receive(subscription, len(sent)) == sent
    assert not list(tmp_path.iterdir())


OUT_OF_DESCRIPTORS = """
import os, resource, sys
from emotrack.errors import UserError
from emotrack.stream.wire.publish.zeromq.publisher import Publisher

free = len(os.listdir("/proc/self/fd")) - 1
for spare in range(0, 60, 3):
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, 4096))
    try:
        Publisher("tcp://127.0.0.1:0").close()
    except UserError as error:
        print(error, flush=True)
    else:
        print("bound", flush=True)
        break
"""


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="this system has no /proc to count descriptors in"
)
def test_without_descriptors_it_is_refused_at_whatever_step_and_never_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_DESCRIPTORS], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    *refused, last = done.stdout.splitlines()
    assert last == "bound" and len(refused) > 3
    assert all(line.startswith("Nothing can be published at tcp://127.0.0.1:0: ") for line in refused)
    assert "Too many open files" in refused[0]


def test_a_thread_that_breaks_says_why_and_the_session_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with publishing() as (publisher, outbox):
        monkeypatch.setattr(publisher._state, "add", lambda *_: 1 / 0)
        outbox.emit(sample.feed())
        publisher._thread.join(10)
        outbox.emit(sample.feed())
        assert outbox.incomplete == (f"Publishing on {publisher.endpoint} has stopped: division by zero.",)


def test_a_thread_that_hangs_is_told_of_once_and_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("emotrack.stream.wire.publish.zeromq.publisher.WAITING", 10)
    with publishing() as (publisher, outbox):
        may_go_on = threading.Event()
        add = publisher._state.add
        monkeypatch.setattr(publisher._state, "add", lambda *given: may_go_on.wait(30) and add(*given))
        for _ in range(4):
            outbox.emit(sample.feed())
            time.sleep(0.4)
        hangs = f"Publishing on {publisher.endpoint} hangs: messages wait."
        assert caplog.messages == [hangs] and not outbox.incomplete
        emit_all(outbox, [sample.feed()] * 20)
        stopped = f"Publishing on {publisher.endpoint} has stopped: its thread hangs."
        assert caplog.messages == [hangs, stopped] and outbox.incomplete == (stopped,)
        may_go_on.set()


def test_a_thread_that_is_back_has_lost_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing() as (publisher, outbox):
        may_go_on = threading.Event()
        add = publisher._state.add
        monkeypatch.setattr(publisher._state, "add", lambda *given: may_go_on.wait(30) and add(*given))
        while not caplog.messages:
            outbox.emit(sample.feed())
            time.sleep(0.1)
        may_go_on.set()
        deadline = time.monotonic() + 20
        while len(caplog.messages) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            last = outbox.emit(sample.feed())
        assert caplog.messages[1] == f"Publishing on {publisher.endpoint} goes on; nothing is missing."
        outbox.close()
        assert publisher._state._seq == last.seq and outbox.incomplete == ()


def test_closing_behind_a_full_queue_ends_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.publish.zeromq.publisher.WAITING", 10)
    with publishing() as (publisher, outbox):
        may_go_on = threading.Event()
        add = publisher._state.add
        monkeypatch.setattr(publisher._state, "add", lambda *given: may_go_on.wait(30) and add(*given))
        emit_all(outbox, [sample.feed()] * 11)  # one in the thread's hands, the queue full
        outbox.close()
        assert publisher._thread.is_alive()
        may_go_on.set()
        publisher._thread.join(10)
        assert not publisher._thread.is_alive()
        assert publisher._state._seq == 11  # and all of it went out


def test_the_last_words_arrive_and_closing_is_quick() -> None:
    with publishing() as (publisher, outbox), subscribe(publisher.endpoint, since=0) as subscription:
        receive(subscription, len(connect(subscription, outbox)))
        sent = emit_all(outbox, [*(sample.emotion(number) for number in range(500)), sample.session("ended")])
        began = time.monotonic()
        outbox.close()
        assert time.monotonic() - began < 0.5
        assert receive(subscription, len(sent)) == sent


def test_a_subscriber_that_reads_nothing_does_not_hold_up_closing() -> None:
    with publishing() as (publisher, outbox), subscribe(publisher.endpoint, since=0) as subscription:
        connect(subscription, outbox)
        for number in range(20_000):
            outbox.emit(sample.emotion(number))
        began = time.monotonic()
        outbox.close()
        assert time.monotonic() - began < 1.0  # what waits in the queue is published first


def test_sigterm_ends_a_publishing_process_in_time(tmp_path: Path) -> None:
    script = tmp_path / "publish.py"
    script.write_text(
        textwrap.dedent("""
        import signal, sys, threading
        from helpers.sessions import sample_messages as sample
        from helpers.sessions.wire import publishing
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        with publishing() as (publisher, outbox):
            print(publisher.endpoint, flush=True)
            outbox.emit(sample.session())
            while not stop.wait(0.02):
                outbox.emit(sample.heartbeat())
            outbox.emit(sample.session("ended"))
        """)
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        with subscribe(process.stdout.readline().strip(), kinds=["session"], since=0) as subscription:
            assert receive(subscription, 1) and subscription._socket.poll(5000)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            ended = receive(subscription, 1)[0]
            assert isinstance(ended, Session) and ended.state == "ended"
            assert process.wait(2) == 0
            assert time.monotonic() - began < 2


def test_bad_requests_hurt_nobody() -> None:
    with publishing() as (publisher, outbox), zmq.Context() as context:
        outbox.emit(sample.session())
        with (
            context.socket(zmq.DEALER) as dealer,
            context.socket(zmq.REQ) as request,
            context.socket(zmq.DEALER) as bully,
        ):
            for each in (dealer, request, bully):
                each.linger = 0
                each.connect(publisher.snapshot_endpoint)
            bully.send(b"x" * 10_000_000)  # disconnected, not read
            for noise in (b"", b"\x00" * 100, b"{}", b"x" * (LARGEST_REQUEST + 1)):
                dealer.send(noise)
                assert dealer.poll(2000)
                assert json.loads(dealer.recv())["reply"] == "error"
            request.send(b'{"request": "snapshot"}')  # a REQ socket puts an empty frame before its request
            assert request.poll(2000)
            assert json.loads(request.recv())["session"] == "s1"
        assert outbox.emit(sample.emotion()).seq == 2


def test_a_flood_of_requests_is_turned_away_while_publishing_goes_on() -> None:
    with publishing() as (publisher, outbox), zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(publisher.snapshot_endpoint)
        answers = []
        with subscribe(publisher.endpoint, since=0) as subscription:
            receive(subscription, len(connect(subscription, outbox)))
            for _ in range(600):
                dealer.send(b'{"request": "snapshot"}')
                if dealer.poll(0):
                    answers.append(json.loads(dealer.recv())["reply"])
            outbox.emit(sample.emotion())
            receive(subscription, 1, timeout=2)
            while dealer.poll(200):
                answers.append(json.loads(dealer.recv())["reply"])
        assert {"error", "snapshot"} == set(answers)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:5556", Address("tcp", "127.0.0.1", 5556)),
        ("tcp://[::1]:5556", Address("tcp", "::1", 5556)),
        ("tcp://*:*", Address("tcp", "*", 0)),
        ("ipc:///tmp/a", Address("ipc", "", 0, "/tmp/a")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_endpoint(text) == address
    assert str(address) == text.replace(":*", ":0")
    assert address.is_local == ("*" not in text)


def test_the_address_beside() -> None:
    assert str(parse_endpoint("tcp://[::1]:5556").beside()) == "tcp://[::1]:5557"
    assert str(parse_endpoint("ipc:///tmp/a").beside()) == "ipc:///tmp/a.snapshot"
    robot = parse_endpoint("tcp://gpu-box:5556")
    assert str(parse_endpoint("tcp://0.0.0.0:5557").seen_from(robot)) == "tcp://gpu-box:5557"
    assert str(parse_endpoint("tcp://10.0.0.2:5557").seen_from(robot)) == "tcp://10.0.0.2:5557"
