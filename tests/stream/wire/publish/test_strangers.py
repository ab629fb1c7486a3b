"""Strangers on the publisher's ports: whatever they send, memory stays bounded, publishing goes on, and who
is honest is served, whether they were there before or come meanwhile."""

import contextlib
import json
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from emotrack.errors import UserError
from emotrack.stream.wire.client.subscription import subscribe
from emotrack.stream.wire.protocol.keys import create_keys
from emotrack.stream.wire.publish.zeromq.connections import Connections, Peer
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from emotrack.stream.wire.publish.zeromq.strangers import CLIENT_REQUESTS_AT_ONCE, SUBSCRIPTIONS
from helpers.sessions import sample_messages as sample
from helpers.sessions.strangers import ATTACKS, besieged, frame, introduced
from helpers.sessions.wire import connect, heartbeats, publishing, receive

LINUX = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="this system has no /proc to measure memory in"
)
GROWTH = 50 << 20
GAP = 1.5
"""Seconds; by hand it is 0.2 at most, but here other tests run at the same time."""


@LINUX
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_costs_little_memory_and_no_honest_subscriber(attack: str) -> None:
    siege = besieged(attack, seconds=3, earlier=5_000 if attack == "unread_answers" else 0)
    assert siege.growth < GROWTH
    assert siege.gap < GAP
    assert siege.newcomer
    assert siege.missed <= 5  # of those on their way when the test ended


@LINUX
@pytest.mark.parametrize("attack", ["unfinished_frame", "idle_connections"])
def test_keys_make_no_door_for_who_has_none(attack: str, tmp_path: Path) -> None:
    create_keys(tmp_path, ["robot"])
    siege = besieged(attack, keys=tmp_path, seconds=3)
    assert siege.growth < GROWTH and siege.gap < GAP and siege.newcomer


def ended(stranger: socket.socket, seconds: float = 5.0) -> bool:
    """Whether the publisher ends this connection."""
    stranger.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        try:
            while stranger.recv(65536):
                pass
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
        return True
    return False


@pytest.mark.parametrize(
    "words",
    [
        b"".join(frame(b"\x01%d" % number) for number in range(SUBSCRIPTIONS + 1)),
        b"".join(frame(b"\x01%0500d" % number) for number in range(40)),
        b"".join(frame(b"\x01x") + frame(b"\x00x") for _ in range(SUBSCRIPTIONS + 1)),
        frame(b"\x01" + bytes(2000)),
        frame(b"hello"),
    ],
    ids=["many", "in all too long", "changing", "one too long", "no subscription"],
)
def test_who_subscribes_beyond_measure_is_disconnected(words: bytes) -> None:
    with publishing() as (publisher, _), introduced(publisher.endpoint, b"SUB") as stranger:
        with contextlib.suppress(OSError):
            stranger.sendall(words)
        assert ended(stranger)


def test_as_many_subscriptions_as_are_allowed_are_kept_and_counted_down_when_they_go() -> None:
    with publishing() as (publisher, outbox), introduced(publisher.endpoint, b"SUB") as stranger:
        for number in range(SUBSCRIPTIONS):
            stranger.sendall(frame(b"\x01%d" % number))
        assert not ended(stranger, 0.5)
        stranger.sendall(frame(b"\x000") + frame(b"\x01again"))
        assert not ended(stranger, 0.5)
        with subscribe(publisher.endpoint, since=0) as subscription:
            sent = connect(subscription, outbox)
            assert receive(subscription, len(sent)) == sent


def test_a_request_of_many_parts_ends_its_connection() -> None:
    with publishing() as (publisher, _), introduced(publisher.snapshot_endpoint, b"DEALER") as stranger:
        stranger.sendall(frame(b"", flags=1) * 20 + frame(b'{"request": "snapshot"}'))
        assert ended(stranger)


def test_one_client_that_floods_takes_nothing_from_another() -> None:
    request = b'{"request": "snapshot"}'
    with (
        publishing() as (publisher, outbox),
        zmq.Context() as context,
        context.socket(zmq.DEALER) as bully,
        context.socket(zmq.DEALER) as honest,
    ):
        outbox.emit(sample.session())
        for each in (bully, honest):
            each.linger = 0
            each.connect(publisher.snapshot_endpoint)
        told = []
        for _ in range(4 * CLIENT_REQUESTS_AT_ONCE):
            bully.send(request)
            assert bully.poll(5000)
            told.append(json.loads(bully.recv())["reply"])
        assert set(told) == {"snapshot", "error"}
        honest.send(request)
        assert honest.poll(5000)
        assert json.loads(honest.recv())["reply"] == "snapshot"


def test_beyond_the_limit_the_idle_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.publish.zeromq.publisher.find_descriptors", lambda: 4)
    with publishing() as (publisher, outbox), heartbeats(outbox), contextlib.ExitStack() as stack:
        honest = [stack.enter_context(subscribe(publisher.endpoint, kinds=["heartbeat"])) for _ in range(2)]
        for each in honest:
            receive(each, 3)
        idle = [stack.enter_context(introduced(publisher.endpoint, b"SUB")) for _ in range(12)]
        newcomer = stack.enter_context(subscribe(publisher.endpoint, kinds=["heartbeat"]))
        for each in (*honest, newcomer):
            receive(each, 10)
        assert all(ended(each) for each in idle[:10])


def test_a_connection_that_never_introduces_itself_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.publish.zeromq.sockets.HANDSHAKE_MS", 300)
    with (
        publishing() as (publisher, _),
        socket.create_connection(("127.0.0.1", int(publisher.endpoint.rpartition(":")[2]))) as idle,
    ):
        assert ended(idle)


@pytest.fixture
def connections() -> Iterator[Connections]:
    with zmq.Context() as context, context.socket(zmq.XPUB) as watched:
        made = Connections(watched, limit=10)
        yield made
        made.close()


def test_an_account_is_of_one_connection_however_often_its_number_is_used(connections: Connections) -> None:
    assert list(connections) == [] and connections.receive(0.0) == []
    peer = Peer(10**6, (("127.0.0.1", 1), ("127.0.0.1", 2)), 0.0)
    connections.disconnect(peer)  # a number that is nobody's, or another's, harms nobody
    assert peer.leaving
    assert [peer.spend(now, 1.0, 2.0) for now in (0.0, 0.0, 0.0, 5.0)] == [1.0, 0.0, -1.0, 1.0]


def test_a_socket_file_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    with publishing(endpoint=f"ipc://{folder}/socket"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"socket": 0o600, "socket.snapshot": 0o600}
    assert not list(folder.iterdir())


def test_a_file_in_the_place_of_a_socket_is_left_alone(tmp_path: Path) -> None:
    for name in ("notes", "notes.snapshot"):
        file = tmp_path / name
        file.write_text("precious")
        with pytest.raises(UserError, match=rf"{name} exists and is no socket"):
            Publisher(f"ipc://{tmp_path}/notes")
        assert file.read_text() == "precious"
        file.unlink()


def test_a_folder_that_anyone_may_change_is_no_place_for_a_socket(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(UserError, match=f"chmod o-w {tmp_path}"):
        Publisher(f"ipc://{tmp_path}/socket")
    tmp_path.chmod(0o1777)  # where only its owner may move a file
    with publishing(endpoint=f"ipc://{tmp_path}/socket") as (publisher, _):
        assert publisher.endpoint == f"ipc://{tmp_path}/socket"
    tmp_path.chmod(0o700)


def test_a_socket_anywhere_is_cleaned_up_too() -> None:
    with publishing(endpoint="ipc://*") as (publisher, outbox):
        path = Path(publisher.endpoint.removeprefix("ipc://"))
        assert path.is_socket()
        with subscribe(publisher.endpoint, snapshot_endpoint=publisher.snapshot_endpoint, since=0) as reading:
            sent = [outbox.emit(sample.session())]
            assert receive(reading, 1) == sent
    until = time.monotonic() + 5
    while path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not path.exists()
