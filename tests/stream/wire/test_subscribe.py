"""The subscriber on real sockets: what is lost is seen and healed, who joins late catches up, filters see
loss and only loss."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from emotrack.errors import UserError
from emotrack.stream.wire.client.progress import Selection, SessionProgress
from emotrack.stream.wire.client.subscription import LARGEST_MESSAGE, Subscription, subscribe
from emotrack.stream.wire.protocol.encoding import encode, topic
from emotrack.stream.wire.protocol.messages import KINDS, Emotion, Message
from emotrack.stream.wire.protocol.snapshots import RING, SnapshotReply
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.hostile import hostile, published_over_and_over
from helpers.sessions.wire import (
    connect,
    emit_all,
    heartbeats,
    lossy_relay,
    publishing,
    receive,
    silent,
    unused_endpoint,
    wait_for_problem,
    wait_until_published,
)

MANY = 10_000


def seqs(messages: list[Message]) -> list[int]:
    return [message.seq for message in messages]


def talk(count: int, speakers: int = 7) -> list[Message]:
    return [sample.emotion(number, f"spk{number % speakers}") for number in range(count)]


def test_importing_it_is_light() -> None:
    script = "import sys, emotrack.stream.wire.client.subscription; print(*sorted(sys.modules))"
    began = time.monotonic()
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert time.monotonic() - began < 3  # generous, for a busy machine; the modules are what counts
    assert {"torch", "numpy", "av", "yaml", "rich", "typer", "asyncio", "pydantic"}.isdisjoint(loaded)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_messages_arrive_as_sent(encoding: str) -> None:
    with (
        publishing(encoding=encoding) as (publisher, outbox),
        subscribe(publisher.endpoint, since=0) as subscription,
    ):
        sent = emit_all(outbox, sample_bodies())
        assert receive(subscription, len(sent)) == sent
        assert (subscription.lost, subscription.skipped, subscription.session) == (0, 0, "s1")


def sample_bodies() -> list[Message]:
    return [
        sample.session(),
        sample.feed(),
        sample.new_speaker(),
        sample.emotion(),
        sample.error(),
        sample.heartbeat(),
    ]


def send_many(outbox: Outbox, subscription: Subscription) -> None:
    """Send 10,000 labels faster than they are read, in two halves (the ring must not forget what is still to
    be healed)."""
    connect(subscription, outbox)
    first = outbox.emit(sample.emotion())
    assert receive(subscription, 1) == [first]
    asked = count_calls(subscription)
    for _ in range(2):
        sent = emit_all(outbox, talk(MANY // 2))
        with heartbeats(outbox):
            assert receive(subscription, MANY // 2) == sent
    assert subscription.lost == 0
    assert asked()  # there was something to heal


def test_ten_thousand_messages_with_forced_loss_are_healed() -> None:
    """A publisher that discards at a mark of 50 messages, a subscriber that does not read while they are
    sent."""
    with (
        publishing(high_water_mark=50) as (publisher, outbox),
        subscribe(publisher.endpoint, kinds=["emotion"]) as subscription,
    ):
        send_many(outbox, subscription)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_ten_thousand_messages_over_a_lossy_way_are_healed(share: float) -> None:
    chance = random.Random(1)
    with (
        publishing() as (publisher, outbox),
        lossy_relay(publisher.endpoint, lambda seq: seq < 20 or chance.random() > share) as relay,
        subscribe(relay, kinds=["emotion"], snapshot_endpoint=publisher.snapshot_endpoint) as subscription,
    ):
        send_many(outbox, subscription)


def count_calls(subscription: Subscription) -> Callable[[], int]:
    """How often a subscription has asked for a snapshot from now on."""
    original = subscription._snapshots.ask
    calls: list[tuple[str, int | None]] = []

    def counted(session: str, since: int | None) -> SnapshotReply | None:
        calls.append((session, since))
        return original(session, since)

    subscription._snapshots.ask = counted  # type: ignore[method-assign]  # watched, unchanged
    return lambda: len(calls)


@pytest.mark.parametrize("session", ["s1", None])
def test_a_lost_tail_is_seen_by_heartbeat(session: str | None) -> None:
    with publishing() as (publisher, outbox):
        sent: list[Message] = []
        with (
            lossy_relay(
                publisher.endpoint, lambda seq: not (sent and sent[-1].seq < seq <= sent[-1].seq + 5)
            ) as relay,
            subscribe(
                relay,
                session=session,
                snapshot_endpoint=publisher.snapshot_endpoint,
                since=0,
                kinds=["emotion"],
            ) as subscription,
        ):
            connect(subscription, outbox)
            sent.extend(emit_all(outbox, talk(4, speakers=2)))
            assert receive(subscription, 4) == sent
            tail = emit_all(outbox, talk(5, speakers=3))
            assert silent(subscription)
            outbox.emit(sample.heartbeat())
            assert receive(subscription, 5) == tail
            assert subscription.lost == 0


def test_what_the_ring_no_longer_holds_is_counted() -> None:
    problems: list[str] = []
    with (
        publishing(high_water_mark=10) as (publisher, outbox),
        subscribe(publisher.endpoint, since=0, on_problem=problems.append) as subscription,
    ):
        got = receive(subscription, len(connect(subscription, outbox)))
        with lossy_pause(subscription):
            quiet = outbox.emit(sample.emotion(0, "quiet"))
            emit_all(outbox, talk(RING + 2_000))
        last = outbox.emit(sample.heartbeat())
        while got[-1].seq < last.seq:
            got += receive(subscription, 1)
        assert seqs(got) == sorted(set(seqs(got)))
        assert (
            subscription.lost == last.seq - len(got) == 2_001
        )  # the last heartbeat pushed one more out of the ring
        assert quiet in got  # long gone from the ring, but what holds for that speaker
        assert any("older than what the publisher keeps" in problem for problem in problems)


class lossy_pause:
    """Unsubscribe for a while: whatever is published meanwhile is lost on the way."""

    def __init__(self, subscription: Subscription) -> None:
        self._socket = subscription._socket

    def __enter__(self) -> None:
        self._socket.unsubscribe("emotrack/1/")
        time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        time.sleep(0.2)
        self._socket.subscribe("emotrack/1/")
        time.sleep(0.2)


def test_a_late_joiner_gets_what_holds_and_then_what_comes() -> None:
    with publishing() as (publisher, outbox):
        before = emit_all(outbox, [sample.session(), sample.feed("audio"), *talk(50, speakers=3)])
        wait_until_published(publisher, before[-1])
        with subscribe(publisher.endpoint) as subscription:
            held = receive(subscription, 5)
            assert seqs(held) == [1, 2, 50, 51, 52]
            assert {each.speaker.id for each in held if isinstance(each, Emotion)} == {"spk0", "spk1", "spk2"}
            fresh = emit_all(outbox, talk(5))
            time.sleep(0.1)
            outbox.emit(sample.heartbeat())
            assert receive(subscription, 5) == fresh
            assert subscription.lost == 0


def test_a_late_joiner_can_have_everything_or_go_on_where_it_was() -> None:
    with publishing() as (publisher, outbox):
        sent = emit_all(outbox, talk(2_500))
        with subscribe(publisher.endpoint, since=0) as subscription:
            assert receive(subscription, 2_500) == sent
        with subscribe(publisher.endpoint, session="s1", since=2_400) as subscription:
            assert receive(subscription, 100) == sent[2_400:]
            assert silent(subscription)


def test_joining_in_the_middle_of_a_flood_misses_nothing() -> None:
    with publishing() as (publisher, outbox):
        flood = threading.Thread(
            target=lambda: emit_all(outbox, [*talk(3_000), sample.session("ended"), sample.heartbeat()])
        )
        flood.start()
        with subscribe(publisher.endpoint, since=0) as subscription:
            assert seqs(receive(subscription, 3_002)) == list(range(1, 3_003))
        flood.join()


@pytest.mark.parametrize("session", ["s1", None])
def test_a_speaker_is_not_mistaken_for_another(session: str | None) -> None:
    with (
        publishing() as (publisher, outbox),
        subscribe(
            publisher.endpoint, session=session, speaker="spk1", kinds=["emotion"], since=0
        ) as subscription,
    ):
        connect(subscription, outbox)
        sent = emit_all(
            outbox, [sample.emotion(number, name) for number, name in enumerate(["spk10", "spk1"] * 20)]
        )
        outbox.emit(sample.heartbeat())
        assert receive(subscription, 20) == sent[1::2]
        assert silent(subscription)
        assert subscription.lost == 0


@pytest.mark.parametrize("session", ["s1", None])
def test_a_filtered_subscriber_sees_loss_and_only_loss(session: str | None) -> None:
    """Without a snapshot socket to heal from, exactly what was wanted and dropped counts as lost."""
    nowhere: dict[str, Any] = {"snapshot_endpoint": "ipc:///nobody/there", "on_problem": lambda _: None}
    losing = threading.Event()
    with (
        publishing() as (publisher, outbox),
        lossy_relay(publisher.endpoint, lambda seq: not losing.is_set() or seq % 3 != 0) as relay,
        subscribe(relay, session=session, speaker="spk1", kinds=["emotion"], **nowhere) as subscription,
    ):
        connect(subscription, outbox)
        first = outbox.emit(sample.emotion(0, "spk1"))
        assert receive(subscription, 1) == [first]
        losing.set()
        sent = emit_all(outbox, [sample.emotion(number, f"spk{number % 2}") for number in range(60)])
        emit_all(outbox, [sample.heartbeat(), sample.heartbeat()])
        got: list[Message] = []
        with suppress(TimeoutError):
            while True:
                got.append(subscription.receive(0.5))
        wanted = sent[1::2]
        assert got == [each for each in wanted if each.seq % 3 != 0]
        assert subscription.lost == len(wanted) - len(got) == 10


def test_a_publisher_that_starts_again_is_reported_and_followed() -> None:
    problems: list[str] = []
    endpoint = unused_endpoint()
    with (
        publishing("first", endpoint) as (_, outbox),
        subscribe(endpoint, since=0, on_problem=problems.append) as subscription,
    ):
        before = emit_all(outbox, talk(3))
        assert receive(subscription, 3) == before
        outbox.close()
        with publishing("second", endpoint) as (_, second):
            after = emit_all(second, [sample.session(), *talk(5)])
            deadline = time.monotonic() + 5
            while subscription.session != "second" and time.monotonic() < deadline:
                after.append(second.emit(sample.heartbeat()))
                try:
                    got = [subscription.receive(0.2)]
                except TimeoutError:
                    continue
            got += receive(subscription, len(after) - 1)
            assert got == after  # from the first message on, though connecting took its time
            assert (subscription.restarts, subscription.lost) == (1, 0)
            assert problems == ["The publisher started again: session second follows first."]


def test_a_subscriber_may_come_before_its_publisher() -> None:
    endpoint = unused_endpoint()
    with subscribe(endpoint, timeout=0.1) as subscription:
        with pytest.raises(TimeoutError, match=r"No message from tcp://127.0.0.1:\d+ for 0.1 s\."):
            next(iter(subscription))
        with publishing(endpoint=endpoint) as (_, outbox):
            sent = outbox.emit(sample.session())
            assert subscription.receive(5) == sent


def test_silence_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.client.connection.QUIET_FOR", 0.2)
    problems: list[str] = []
    endpoint = unused_endpoint()
    with subscribe(endpoint, on_problem=problems.append) as subscription:
        wait_for_problem(subscription, problems)
    assert problems == [
        f"Nothing from {endpoint} yet: no tracker runs there, or it is encrypted and wants --server-key "
        "and --keys."
    ]


PUBLISHES_UNTIL_KILLED = """
import time
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import publishing

with publishing() as (publisher, outbox):
    print(publisher.endpoint, flush=True)
    while True:
        outbox.emit(sample.heartbeat())
        time.sleep(0.02)
"""


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (signal.SIGKILL, "has died, or cannot be reached"),
        (signal.SIGSTOP, "says nothing, not even that it lives"),
    ],
)
def test_a_tracker_that_is_killed_or_hangs_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, why: str
) -> None:
    monkeypatch.setattr("emotrack.stream.wire.client.connection.LOST_FOR", 0.5)
    problems: list[str] = []
    command = [sys.executable, "-c", PUBLISHES_UNTIL_KILLED]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        with subscribe(
            process.stdout.readline().strip(), kinds=["emotion"], on_problem=problems.append
        ) as subscription:
            assert silent(subscription, 1.0) and not problems  # heartbeats come
            process.send_signal(number)
            wait_for_problem(subscription, problems)
        process.kill()
    assert len(problems) == 1 and why in problems[0], problems


def test_silence_after_an_end_in_order_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.client.connection.LOST_FOR", 0.2)
    problems: list[str] = []
    with (
        publishing() as (publisher, outbox),
        subscribe(publisher.endpoint, since=0, on_problem=problems.append) as subscription,
    ):
        receive(subscription, len(connect(subscription, outbox)))
        outbox.emit(sample.session("ended"))
        receive(subscription, 1)
        assert silent(subscription, 0.6) and not problems


def test_a_publisher_that_says_nothing_wanted_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.client.connection.QUIET_FOR", 0.4)
    problems: list[str] = []
    with (
        publishing() as (publisher, outbox),
        subscribe(publisher.endpoint, session="other", on_problem=problems.append) as subscription,
    ):
        outbox.emit(sample.session())
        wait_for_problem(subscription, problems)
    assert len(problems) == 1 and "a publisher answers there" in problems[0]


def test_what_is_no_publisher_is_told() -> None:
    problems: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint = f"tcp://127.0.0.1:{other.getsockname()[1]}"

        def answer() -> None:
            with suppress(OSError):  # closed at the end
                while True:
                    with other.accept()[0] as connection:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with subscribe(
            endpoint, snapshot_endpoint="ipc:///nobody/there", on_problem=problems.append
        ) as subscription:
            wait_for_problem(subscription, problems)
        other.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert len(problems) == 1 and problems[0].startswith(f"What answers at {endpoint} ")


def test_frames_that_are_no_messages_are_skipped_with_a_sentence() -> None:
    problems: list[str] = []
    good = Outbox("s1").emit(sample.emotion())
    name = topic(good).encode()
    with zmq.Context() as context, context.socket(zmq.PUB) as liar:
        liar.linger = 0
        port = liar.bind_to_random_port("tcp://127.0.0.1")
        with subscribe(
            f"tcp://127.0.0.1:{port}", snapshot_endpoint="ipc:///nobody/there", on_problem=problems.append
        ) as subscription:
            time.sleep(0.3)
            for frames in (
                [name],
                [name, b"noise"],
                [name, b"{}", b""],
                [b"emotrack/1/s1/error/-/", encode(good)],
                [name, encode(good)],
            ):
                liar.send_multipart(frames)
            assert subscription.receive(5) == good
            assert subscription.skipped == 4
    assert sum("Skipped" in problem for problem in problems) == 4
    assert sum("does not answer" in problem for problem in problems) == 1


@contextmanager
def refused(message: str, problems: list[str]) -> Iterator[tuple[Subscription, zmq.Socket[bytes]]]:
    """A subscription that has heard a publisher which refuses snapshots with `message`, and that publisher's
    PUB socket."""
    refusal = msgspec.json.encode({"reply": "error", "message": message})
    with (
        hostile(lambda request: refusal) as (endpoint, snapshots, pub),
        subscribe(endpoint, snapshot_endpoint=snapshots, on_problem=problems.append) as subscription,
    ):
        sending = published_over_and_over(pub, Outbox("s1").emit(sample.emotion()))
        subscription.receive(5)
        sending.join()
        yield subscription, pub


def test_a_refusal_cannot_steer_the_terminal() -> None:
    problems: list[str] = []
    with refused("\x1b]0;owned\x07\n" + "x" * 50_000, problems):
        pass
    assert problems and all(problem.isprintable() and len(problem) <= 500 for problem in problems)
    assert "refused to answer" in problems[0]


def test_a_message_that_is_too_large_costs_the_connection_which_is_made_anew() -> None:
    """ZeroMQ ends it, and would not try again."""
    outbox = Outbox("s1")
    with (
        hostile(lambda request: b'{"reply": "error", "message": "no"}') as (endpoint, snapshots, pub),
        subscribe(endpoint, snapshot_endpoint=snapshots, on_problem=lambda _: None) as subscription,
    ):
        sending = published_over_and_over(pub, outbox.emit(sample.emotion()))
        subscription.receive(5)
        sending.join()
        pub.send_multipart([b"emotrack/1/s1/emotion/spk1/", bytes(LARGEST_MESSAGE + 1)])
        honest, until = outbox.emit(sample.emotion()), time.monotonic() + 20
        heard = None
        while heard is None and time.monotonic() < until:
            pub.send_multipart([topic(honest).encode(), encode(honest)])
            with suppress(TimeoutError):
                heard = subscription.receive(0.1)
    assert heard is not None and heard.seq == honest.seq


@pytest.mark.parametrize(
    ("step", "bound", "value"), [(0, "HEALING", 0.5), (1, "HEALING", 0.5), (1, "LARGEST_REPLAY", 20_000)]
)
def test_a_snapshot_without_an_end_is_left(
    monkeypatch: pytest.MonkeyPatch, step: int, bound: str, value: float
) -> None:
    """Pages that never come nearer, or come nearer for ever, to a message that claims to be the trillionth:
    after some time, and after so many bytes."""
    monkeypatch.setattr(f"emotrack.stream.wire.client.subscription.{bound}", value)
    far = msgspec.structs.replace(Outbox("s1").emit(sample.emotion()), seq=10**12, topic_seq=10**12)

    def page(request: dict[str, Any]) -> bytes:
        event = msgspec.structs.replace(far, seq=(request["since"] or 0) + step or 1, topic_seq=1)
        events = [msgspec.Raw(encode(event))]
        told = {
            "schema": "emotrack/1",
            "id": request["id"],
            "session": "s1",
            "seq": 10**12,
            "topics": {},
            "current": [],
        }
        return msgspec.json.encode(
            told | {"reply": "snapshot", "events": events, "lost": 0, "more": True, "complete": True}
        )

    with (
        hostile(page) as (endpoint, snapshots, pub),
        subscribe(endpoint, since=0, snapshot_endpoint=snapshots, on_problem=lambda _: None) as subscription,
    ):
        sending = published_over_and_over(pub, far)
        began = time.monotonic()
        while subscription.receive(5).seq < far.seq:
            pass
        assert time.monotonic() - began < 5
        sending.join()


def test_what_nobody_reads_is_not_taken_in_without_end() -> None:
    """However fast it is sent: a bounded number of messages of bounded size."""
    with zmq.Context() as context, context.socket(zmq.PUB) as pub:
        pub.sndhwm, pub.linger = 1, 0
        pub.bind("tcp://127.0.0.1:0")
        assert isinstance(pub.last_endpoint, bytes)
        endpoint = pub.last_endpoint.decode()
        with subscribe(endpoint, snapshot_endpoint=endpoint, on_problem=lambda _: None) as subscription:
            while not subscription.connected:
                with suppress(TimeoutError):
                    subscription.receive(0.05)
            for _ in range(400):
                pub.send_multipart([b"emotrack/1/s1/error/-/", b" " * 200_000])
                time.sleep(0.002)
            with suppress(TimeoutError):
                while True:
                    subscription.receive(0.5)
            assert 1 <= subscription.skipped <= 128


def test_a_message_of_absurd_size_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotrack.stream.wire.client.subscription.LARGEST_MESSAGE", 100_000)
    monkeypatch.setattr("emotrack.stream.wire.client.connection.LOST_FOR", 0.5)
    problems: list[str] = []
    with refused("No.", problems) as (subscription, pub):
        problems.clear()
        pub.send_multipart([b"emotrack/1/s1/emotion/spk1/", b" " * 200_000])
        wait_for_problem(subscription, problems)
    assert len(problems) == 1 and "no word of an end" in problems[0] and subscription.skipped == 0


@pytest.mark.parametrize(
    ("endpoint", "options", "said"),
    [
        ("somewhere", {}, "tcp://HOST:PORT"),
        ("tcp://*:5556", {}, "names no machine"),
        ("tcp://127.0.0.1:5556", {"kinds": ["gossip"]}, "no kind of message"),
        ("tcp://127.0.0.1:5556", {"server_key": "x" * 40}, "needs both"),
        ("tcp://127.0.0.1:5556", {"snapshot_endpoint": "there"}, "tcp://HOST:PORT"),
    ],
)
def test_what_cannot_work_is_one_sentence(endpoint: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        subscribe(endpoint, **options)


@pytest.mark.parametrize(
    "name", ["", "emotrack/1/", "emotrack/1/s1/emotion/", "emotrack/1/s1/emotion/a/b/", "other"]
)
def test_a_topic_that_is_none_is_not_wanted(name: str) -> None:
    assert not Selection(None, frozenset(KINDS), None).wants(name)


def test_a_topic_that_was_forgotten_may_begin_again() -> None:
    progress = SessionProgress("s1", 0, lambda _: True, sees_all=False, exact=True)
    first = Outbox("s1").emit(sample.emotion())
    progress.take(first)
    assert not progress.is_new(first)
    later = type(first)(**{name: getattr(first, name) for name in first.__struct_fields__} | {"seq": 900})
    assert progress.is_new(later) and not progress.misses_before(later)
    progress.take(later)
    assert progress.lost == 0
