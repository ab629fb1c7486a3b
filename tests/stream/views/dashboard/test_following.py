"""A running session followed over HTTP: the messages as they were published, none missing, none held up."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.connection import Connection

from emotrack.stream.views.dashboard.clients import CLIENTS
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import API, PATIENCE, Dashboard, dashboard
from helpers.sessions.wire import emit_all, heartbeats, lossy_relay, publishing, unused_endpoint


@contextmanager
def followed(session: str = "s1", endpoint: str | None = None) -> Iterator[tuple[Dashboard, Outbox]]:
    """A dashboard of a publisher, when the first message has reached it."""
    with ExitStack() as stack:
        publisher, outbox = stack.enter_context(publishing(session, *([endpoint] if endpoint else [])))
        running = stack.enter_context(dashboard(publisher.endpoint))
        outbox.emit(sample.session())
        running.wait_for(session=session, connected=True)
        yield running, outbox


def frames(opened: Connection, count: int) -> list[bytes]:
    return [bytes(opened.recv(PATIENCE, decode=False)) for _ in range(count)]


def test_messages_come_as_they_were_published() -> None:
    with followed() as (running, outbox), running.socket() as opened, running.events() as events:
        assert b'"session"' in frames(opened, 1)[0] and next(events).id == "s1:1"
        sent = emit_all(outbox, sample._conversation())
        assert frames(opened, len(sent)) == [encode(message) for message in sent]
        for message in sent:
            event = next(events)
            assert (event.id, event.name, event.data) == (f"s1:{message.seq}", "", encode(message))
        assert running.get("/messages?limit=1000")["messages"][-1]["seq"] == sent[-1].seq


def test_who_comes_late_is_told_what_holds_first() -> None:
    with followed() as (running, outbox):
        sent = emit_all(outbox, sample._conversation())
        wait_until_known(running, sent[-1])
        held = running.ask(f"{API}/state").body
        with running.socket() as opened:
            count = held.count(b'"schema":')
            assert b",".join(frames(opened, count)) in held
            last = outbox.emit(sample.heartbeat(200.0))
            assert frames(opened, 1) == [encode(last)]


def test_kinds_are_chosen() -> None:
    with followed() as (running, outbox), running.socket("?kind=error&kind=speaker") as opened:
        sent = emit_all(outbox, [sample.heartbeat(), sample.error(), sample.face(), sample.new_speaker()])
        assert frames(opened, 2) == [encode(sent[1]), encode(sent[3])]


def test_who_comes_back_misses_nothing_and_hears_nothing_twice() -> None:
    with followed() as (running, outbox):
        with running.events() as events:
            emit_all(outbox, [sample.heartbeat(float(at)) for at in range(20)])
            heard = [next(events) for _ in range(10)]
        missed = emit_all(outbox, [sample.emotion(number) for number in range(20)])
        wait_until_known(running, missed[-1])
        with running.events("?after=s1:1", Last_Event_ID=heard[-1].id) as events:
            heard += [next(events) for _ in range(missed[-1].seq - len(heard))]
        assert [event.id for event in heard] == [f"s1:{seq}" for seq in range(1, missed[-1].seq + 1)]
        with running.socket(f"?after={missed[-3].seq}") as opened:
            assert frames(opened, 2) == [encode(message) for message in missed[-2:]]
        with running.socket("?after=earlier:1") as opened:  # of a session that is no more
            assert frames(opened, 1)[0].count(b'"session":"s1"') == 1


def test_what_is_lost_on_the_way_to_the_dashboard_is_healed() -> None:
    with (
        publishing() as (publisher, outbox),
        lossy_relay(publisher.endpoint, lambda seq: seq % 3 == 0) as relay,
        dashboard(relay) as running,
    ):
        deadline = time.monotonic() + PATIENCE
        while running.get("/status")["session"] is None:  # which tells where what was lost can be had
            assert time.monotonic() < deadline
            outbox.emit(sample.heartbeat())
            time.sleep(0.02)
        with running.events("?after=0") as events:
            sent = emit_all(outbox, [sample.emotion(number) for number in range(60)])
            sent.append(outbox.emit(sample.heartbeat()))
            sent.append(outbox.emit(sample.heartbeat()))
            sent.append(outbox.emit(sample.heartbeat()))
            ids = [next(events).id for _ in range(sent[-3].seq)]
        assert ids == [f"s1:{seq}" for seq in range(1, sent[-3].seq + 1)]


def test_a_tracker_that_starts_again_is_another_session() -> None:
    endpoint = unused_endpoint()
    with ExitStack() as stack:
        with followed("first", endpoint) as (_, _):
            pass
        running = stack.enter_context(dashboard(endpoint))
        assert running.get("/status")["connected"] is False and running.ask("/").status == 200
        with publishing("first", endpoint) as (_, outbox):
            emit_all(outbox, [sample.session(), *(sample.heartbeat(float(at)) for at in range(30))])
            running.wait_for(session="first", end=29.0, connected=True)
            opened = stack.enter_context(running.socket())
            assert len(frames(opened, 2)) == 2
        running.wait_for(connected=False)
        with publishing("second", endpoint) as (_, outbox):
            began = outbox.emit(sample.session())
            with heartbeats(outbox):
                assert frames(opened, 1) == [encode(began)]
            assert {one["session"] for one in running.get("/messages")["messages"]} == {"second"}


def test_a_reader_that_does_not_read_is_let_go_and_holds_nobody_up() -> None:
    with followed() as (running, outbox), running.socket() as quick:
        frames(quick, 1)
        slow = raw_request(running.port, f"{API}/stream", upgrade=True)
        lazy = raw_request(running.port, f"{API}/events")
        heard: list[bytes] = []
        reader = threading.Thread(target=lambda: heard.extend(frames(quick, 200)))
        reader.start()
        sent = []
        for number in range(200):  # which is beyond what a connection and its client may have waiting
            sent.append(outbox.emit(sample.emotion(number, transcript=sample.said("word " * 19_000))))
            time.sleep(0.005)
        reader.join(PATIENCE)
        assert heard == [encode(message) for message in sent]
        time.sleep(2.5)  # in which the dashboard notices
        with ThreadPoolExecutor(2) as pool:
            said, told = pool.submit(read_until, slow, SLOW), pool.submit(read_until, lazy, SLOW)
        assert said.result().endswith((4008).to_bytes(2, "big") + SLOW)
        assert b'event: end\ndata: {"code":4008' in told.result()
        with running.socket(f"?after=s1:{sent[-2].seq}") as again:
            assert frames(again, 1) == [encode(sent[-1])]


SLOW = b"This client takes messages more slowly than they come: come again with `after`."


def raw_request(port: int, path: str, *, upgrade: bool = False) -> socket.socket:
    """A client whose system takes little for it."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    opened.settimeout(PATIENCE)
    opened.connect(("127.0.0.1", port))
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    if upgrade:
        head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    opened.sendall(f"{head}\r\n".encode())
    return opened


def read_until(opened: socket.socket, word: bytes) -> bytes:
    found = b""
    with opened:
        while word not in found[-1000:] and (data := opened.recv(1 << 20)):
            found += data
    return found


def test_there_is_an_end_to_how_many_may_follow() -> None:
    with followed() as (running, outbox), ExitStack() as stack:
        many = [stack.enter_context(running.socket()) for _ in range(CLIENTS)]
        for opened in many:
            frames(opened, 1)
        with running.socket() as one_more, pytest.raises(ConnectionClosed) as refused:
            one_more.recv(PATIENCE)
        assert refused.value.rcvd is not None and refused.value.rcvd.code == 1013
        with running.events() as events:
            assert next(events).message["code"] == 1013
        last = outbox.emit(sample.heartbeat())
        assert all(frames(opened, 1) == [encode(last)] for opened in many)
        many[0].close()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with running.socket() as one_more:
                    frames(one_more, 1)
                break
            except ConnectionClosed:
                assert time.monotonic() < deadline


def test_what_runs_is_not_replayed() -> None:
    with followed() as (running, _):
        assert running.ask(f"{API}/events?speed=2").status == 400
        assert running.ask(f"{API}/state?at=3").status == 400
        with pytest.raises(InvalidStatus) as refused, running.socket("?speed=2"):
            pass
        assert refused.value.response.status_code == 400


def wait_until_known(running: Dashboard, message: Message) -> None:
    deadline = time.monotonic() + PATIENCE
    while not running.get(f"/messages?after={message.seq - 1}")["messages"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
