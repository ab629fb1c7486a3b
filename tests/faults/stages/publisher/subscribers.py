"""Subscribers at the publisher's sockets, and what they make of a hostile publisher."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import zmq

from emotrack.errors import UserError
from emotrack.stream.wire.client.subscription import subscribe
from emotrack.stream.wire.protocol.encoding import encode, topic
from emotrack.stream.wire.protocol.keys import ServerKeys, create_keys
from emotrack.stream.wire.protocol.messages import Error, Message
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from faults.bench import Bench, spoken
from faults.matrix import HELD, Observation, fault
from faults.watching import Trial, is_final
from helpers.media.scripted import Scripted
from helpers.sessions import sample_messages as sample
from helpers.sessions.hostile import hostile, published_over_and_over
from helpers.sessions.processors import Time, times, waited
from helpers.sessions.wire import LOCAL, publishing, wait_for_problem

COUNT = 4


def published(
    bench: Bench,
    attack: Callable[[Publisher], object],
    *,
    grows: float = 50.0,
    lags: float = 0.5,
    told: bool = False,
    **options: Any,
) -> Observation:
    """A session that is attacked while an honest subscriber reads it: nothing of it may come late or grow."""
    publisher = Publisher(LOCAL, **options)
    bench.undo.callback(publisher.close)
    trial = Trial()
    arrived: list[tuple[float, Message, dict[int, Time]]] = []
    over = threading.Event()
    problems: list[str] = []

    def read() -> None:
        with subscribe(publisher.endpoint, since=0, on_problem=problems.append) as subscription:
            while not over.is_set():
                with suppress(TimeoutError):
                    message = subscription.receive(0.2)
                    arrived.append((time.monotonic(), message, times(os.getpid())))

    reader = threading.Thread(target=read, daemon=True)
    if not options.get("keys"):
        reader.start()
    assert bench.workbench  # opened now, so that what it takes is not counted
    memory = _memory()
    with bench.session(
        [Scripted("desk", spoken(COUNT))], "stream.modalities=[audio]", trial=trial, sinks=[publisher]
    ):
        trial.wait_for(is_final)
        trial.strike()
        attack(publisher)
    grown = _memory() - memory
    publisher.close()
    time.sleep(0.3)
    over.set()
    complaints = [f"memory grows by {grown:.0f} MB"] if grown > grows else []
    if reader.is_alive() or arrived:
        reader.join(5.0)
        sent = {stamped.message.seq: stamped.at for stamped in trial.told}
        missing = set(sent) - {message.seq for _, message, _ in arrived}
        if missing:
            complaints.append(f"the honest subscriber misses {len(missing)} of {len(sent)} messages")
        gaps = _lags(arrived, {seq: at for seq, at in sent.items() if at > (trial.struck or 0)})
        if gaps and max(gaps) > lags:
            complaints.append(f"a message arrives {max(gaps):.1f} s late")
        effect = f"an honest subscriber has all within {max(gaps, default=0.0) * 1e3:.0f} ms"
    else:
        effect = ""
    seen = trial.observe(COUNT, more=tuple(complaints))
    return seen if told else replace(seen, effect=effect or seen.effect)


def _lags(arrived: list[tuple[float, Message, dict[int, Time]]], sent: dict[int, float]) -> list[float]:
    """How late messages came that were sent at these moments, by their numbers, but for what this process
    waited for a processor that others have."""
    lags = []
    for at, message, after in arrived:
        if message.seq in sent:
            before = [then for earlier, _, then in arrived if earlier <= sent[message.seq]]
            queue = max(0.0, waited(before[-1], after)) if before else 0.0
            lags.append(at - sent[message.seq] - queue)
    return lags


def _memory() -> float:
    """Of this process, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


IDLE = """
import sys, time, zmq
context = zmq.Context()
context.max_sockets = 1_000
for _ in range(int(sys.argv[2])):
    idle = context.socket(zmq.SUB)
    idle.rcvhwm, idle.rcvbuf, idle.linger = 1, 4_096, 0
    idle.subscribe(b"")
    idle.connect(sys.argv[1])
print("connected", flush=True)
time.sleep(60)
"""
"""Subscribers, in a process of their own, that read nothing."""


def idle(bench: Bench, publisher: Publisher, count: int) -> None:
    """So many of them."""
    command = [sys.executable, "-c", IDLE, publisher.endpoint, str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    bench.undo.callback(process.stdout.close)
    bench.undo.callback(process.wait)
    bench.undo.callback(process.kill)
    process.stdout.readline()


@fault("publisher", "220 subscribers that never read", HELD, told=False)
def never_read(bench: Bench) -> Observation:
    return published(bench, lambda publisher: idle(bench, publisher, 220))


@fault("publisher", "a subscriber with room for one message stalls", told=False)
def stalls(bench: Bench) -> Observation:
    return published(bench, lambda publisher: idle(bench, publisher, 1))


@fault("publisher", "eight subscribers that come and leave without end", told=False)
def come_and_go(bench: Bench) -> Observation:
    def attack(publisher: Publisher) -> None:
        def visit() -> None:
            with zmq.Context() as context:
                while not bench.released.is_set():
                    with context.socket(zmq.SUB) as visitor:
                        visitor.linger = 0
                        visitor.subscribe(b"")
                        visitor.connect(publisher.endpoint)
                        time.sleep(0.02)

        for _ in range(8):
            threading.Thread(target=visit, daemon=True).start()

    return published(bench, attack)


def _port(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, int(port)


@fault("publisher", "garbage on both ports", HELD, told=False)
def garbage(bench: Bench) -> Observation:
    def attack(publisher: Publisher) -> None:
        for endpoint in (publisher.endpoint, publisher.snapshot_endpoint):
            for size in (1, 64, 10_000, 100_000):
                with socket.create_connection(_port(endpoint)) as stranger, suppress(OSError):
                    stranger.sendall(os.urandom(size))

    return published(bench, attack)


@fault("publisher", "HTTP on both ports", told=False)
def http(bench: Bench) -> Observation:
    def attack(publisher: Publisher) -> None:
        for endpoint in (publisher.endpoint, publisher.snapshot_endpoint):
            for _ in range(20):
                with socket.create_connection(_port(endpoint)) as stranger, suppress(OSError):
                    stranger.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    return published(bench, attack)


@fault("publisher", "200 connections that say nothing", told=False)
def mute(bench: Bench) -> Observation:
    def attack(publisher: Publisher) -> None:
        for _ in range(100):
            for endpoint in (publisher.endpoint, publisher.snapshot_endpoint):
                bench.undo.enter_context(socket.create_connection(_port(endpoint)))

    return published(bench, attack)


@fault("publisher", "6,400 requests for a snapshot at once", HELD, told=False)
def requests(bench: Bench) -> Observation:
    def attack(publisher: Publisher) -> None:
        def ask() -> None:
            with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
                dealer.linger = 0
                dealer.connect(publisher.snapshot_endpoint)
                for _ in range(1_600):
                    dealer.send(b'{"request": "snapshot"}')
                    while dealer.poll(0):
                        dealer.recv()

        for _ in range(4):
            threading.Thread(target=ask, daemon=True).start()

    return published(bench, attack)


@fault("publisher", "requests that are none, and one of 10 MB", HELD, told=False)
def bad_requests(bench: Bench) -> Observation:
    def attack(publisher: Publisher) -> None:
        with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
            dealer.linger = 0
            dealer.connect(publisher.snapshot_endpoint)
            for noise in (b"", b"\0" * 100, b"{}", b"x" * 70_000, b"[" * 50_000, b"x" * 10_000_000):
                dealer.send(noise)
                dealer.poll(300)

    return published(bench, attack)


@fault("publisher", "its thread breaks", HELD)
def breaks(bench: Bench) -> Observation:
    trial = Trial()

    def attack(publisher: Publisher) -> None:
        def fail(*_: object) -> None:
            trial.strike()
            raise ZeroDivisionError("division by zero")

        bench.patch.setattr(publisher._state, "add", fail)

    publisher = Publisher(LOCAL)
    bench.undo.callback(publisher.close)
    with bench.session(
        [Scripted("desk", spoken(COUNT))], "stream.modalities=[audio]", trial=trial, sinks=[publisher]
    ):
        trial.wait_for(is_final)
        attack(publisher)
    return trial.observe(COUNT, told=lambda m: isinstance(m, Error))


@fault("publisher", "its thread hangs")
def hangs(bench: Bench) -> Observation:
    trial = Trial()
    bench.patch.setattr("emotrack.stream.wire.publish.zeromq.publisher.WAITING", 10)
    publisher = Publisher(LOCAL)
    bench.undo.callback(publisher.close)

    def hang(*_: object) -> None:
        trial.strike()
        bench.hang()

    with bench.session(
        [Scripted("desk", spoken(COUNT + 4))], "stream.modalities=[audio]", trial=trial, sinks=[publisher]
    ):
        trial.wait_for(is_final)
        bench.patch.setattr(publisher._state, "add", hang)
    return trial.observe(COUNT + 4, told=lambda m: isinstance(m, Error))


@fault("publisher", "its port is taken at the start", HELD)
def taken(bench: Bench) -> Observation:
    with publishing() as (publisher, _):
        return bench.refused(lambda: Publisher(publisher.endpoint))


@fault("publisher", "no descriptor is left at the start", HELD)
def descriptors(bench: Bench) -> Observation:
    code = (
        "import os, resource, time\n"
        "from emotrack.errors import UserError\n"
        "from emotrack.stream.wire.publish.zeromq.publisher import Publisher\n"
        "free = len(os.listdir('/proc/self/fd')) - 1\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (free + 6, 4096))\n"
        "began = time.monotonic()\n"
        "try:\n    Publisher('tcp://127.0.0.1:0')\n"
        "except UserError as error:\n    print(time.monotonic() - began, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    took, _, sentence = done.stdout.strip().partition(" ")
    complaints = () if done.returncode == 0 else (f"exit {done.returncode}: {done.stderr[-200:]}",)
    return Observation(sentence, float(took) if took else None, complaints=complaints)


@fault("publisher", "other machines may not reach it without keys", HELD)
def insecure(bench: Bench) -> Observation:
    return bench.refused(lambda: Publisher("tcp://0.0.0.0:0"))


def _keyed(name: str, options: Callable[[Path, Path], dict[str, Any]]) -> None:
    """A subscriber with keys that are not right is told, and sees nothing."""

    def inject(bench: Bench) -> Observation:
        folder, elsewhere = bench.folder / "keys", bench.folder / "elsewhere"
        create_keys(folder, ["robot", "stranger"])
        create_keys(elsewhere, ["robot"])
        (folder / "clients" / "stranger.key").unlink()
        problems: list[str] = []
        began = time.monotonic()
        with (
            publishing(keys=ServerKeys.load(folder)) as (publisher, outbox),
            subscribe(
                publisher.endpoint, since=0, on_problem=problems.append, **options(folder, elsewhere)
            ) as subscription,
        ):
            outbox.emit(sample.session())
            wait_for_problem(subscription, problems)
            took = time.monotonic() - began - 0.4  # which it listens on for
            saw = subscription.session is not None
        complaints = ("the stranger sees the session",) if saw else ()
        return Observation(problems[0] if problems else "", took if problems else None, complaints=complaints)

    fault("publisher", f"a subscriber with {name}", HELD, limit=5.0)(inject)


_keyed(
    "the keys of a stranger",
    lambda folder, _: {"server_key": folder / "server.key", "keys": folder / "stranger.key_secret"},
)
_keyed(
    "another server's key",
    lambda folder, other: {"server_key": other / "server.key", "keys": folder / "robot.key_secret"},
)
_keyed("no keys", lambda *_: {})


@fault("publisher", "hostile: a refusal full of escapes", "9")
def refusal(bench: Bench) -> Observation:
    problems: list[str] = []
    answer = msgspec.json.encode({"reply": "error", "message": "\x1b]0;owned\x07\n" + "x" * 50_000})
    began = time.monotonic()
    with (
        hostile(lambda _: answer) as (endpoint, snapshots, pub),
        subscribe(endpoint, snapshot_endpoint=snapshots, on_problem=problems.append) as subscription,
    ):
        sending = published_over_and_over(pub, Outbox("s1").emit(sample.emotion()))
        subscription.receive(5)
        took = time.monotonic() - began
        sending.join()
    plain = all(problem.isprintable() and len(problem) <= 500 for problem in problems)
    complaints = () if plain else ("what is told can steer a terminal",)
    return Observation(problems[0] if problems else "", took if problems else None, complaints=complaints)


def _hostile(name: str, frames: Callable[[], list[bytes]]) -> None:
    """Frames of a publisher that lies: skipped with a sentence, and what is honest behind them is read."""

    def inject(bench: Bench) -> Observation:
        problems: list[str] = []
        honest = Outbox("s1").emit(sample.emotion())
        memory = _memory()
        with (
            hostile(lambda _: b'{"reply": "error", "message": "no"}') as (endpoint, snapshots, pub),
            subscribe(endpoint, snapshot_endpoint=snapshots, on_problem=problems.append) as subscription,
        ):
            sending = published_over_and_over(pub, honest)
            subscription.receive(5)
            sending.join()
            problems.clear()
            began = time.monotonic()
            pub.send_multipart(frames())
            told = None
            while time.monotonic() - began < 4.0 and not problems:
                with suppress(TimeoutError):
                    subscription.receive(0.1)
            told = time.monotonic() - began if problems else None
        grown = _memory() - memory
        complaints = (f"memory grows by {grown:.0f} MB",) if grown > 200 else ()
        return Observation(problems[0] if problems else "", told, complaints=complaints)

    fault("publisher", f"hostile: {name}", "9")(inject)


@fault("publisher", "hostile: 5 MB of words", "9", told=False)
def too_large(bench: Bench) -> Observation:
    """More than a message may have: ZeroMQ ends the connection unread, and does not say why. It is made anew,
    and what is honest behind it comes."""
    outbox, memory = Outbox("s1"), _memory()
    with (
        hostile(lambda _: b'{"reply": "error", "message": "no"}') as (endpoint, snapshots, pub),
        subscribe(endpoint, snapshot_endpoint=snapshots, on_problem=lambda _: None) as subscription,
    ):
        sending = published_over_and_over(pub, outbox.emit(sample.emotion()))
        subscription.receive(5)
        sending.join()
        pub.send_multipart(_wordy(5_000_000))
        began = time.monotonic()
        again = outbox.emit(sample.emotion())
        back = None
        while back is None and time.monotonic() - began < 5.0:
            pub.send_multipart([topic(again).encode(), encode(again)])
            with suppress(TimeoutError):
                if subscription.receive(0.1).seq == again.seq:
                    back = time.monotonic() - began
    grown = _memory() - memory
    complaints = [f"memory grows by {grown:.0f} MB"] if grown > 200 else []
    if back is None:
        complaints.append("nothing comes any more")
    return Observation("the connection is made anew", recovered=back, complaints=tuple(complaints))


def _wordy(letters: int) -> list[bytes]:
    """A message with so many letters of words."""
    words = {"text": "x" * letters, "language": "en", "asr": "w", "confidence": None}
    return _text(Outbox("s1").emit(sample.emotion()), transcript=words)


def _text(message: Message, **changes: Any) -> list[bytes]:
    """Its frames, with these fields as they are given here."""
    plain = msgspec.json.decode(encode(message))
    plain.update(changes)
    import json

    return [b"emotrack/1/s1/emotion/spk1/", json.dumps(plain).encode()]


_hostile("a time of 1.7e308", lambda: _text(Outbox("s1").emit(sample.emotion()), start=1.7e308, end=1.7e308))
_hostile("a time that is no number", lambda: _text(Outbox("s1").emit(sample.emotion()), start=float("nan")))
_hostile("a megabyte of words", lambda: _wordy(1_000_000))
_hostile(
    "20,000 labels",
    lambda: _text(Outbox("s1").emit(sample.emotion()), scores={f"label{n}": 0.1 for n in range(20_000)}),
)
_hostile("brackets 100,000 deep", lambda: [b"emotrack/1/s1/emotion/spk1/", b"[" * 100_000])
_hostile(
    "a number of 20,000 digits",
    lambda: [b"emotrack/1/s1/emotion/spk1/", b'{"type":"emotion","seq":' + b"7" * 20_000 + b"}"],
)


@fault("publisher", "hostile: a snapshot without an end", "9", told=False)
def endless(bench: Bench) -> Observation:
    bench.patch.setattr("emotrack.stream.wire.client.subscription.HEALING", 0.5)
    far = msgspec.structs.replace(Outbox("s1").emit(sample.emotion()), seq=10**12, topic_seq=10**12)

    def page(request: dict[str, Any]) -> bytes:
        event = msgspec.structs.replace(far, seq=(request["since"] or 0) + 1, topic_seq=1)
        told = {"schema": "emotrack/1", "id": request["id"], "session": "s1", "seq": 10**12, "topics": {}}
        more = {"reply": "snapshot", "lost": 0, "more": True, "complete": True, "current": []}
        return msgspec.json.encode({**told, **more, "events": [msgspec.Raw(encode(event))]})

    began = time.monotonic()
    with (
        hostile(page) as (endpoint, snapshots, pub),
        subscribe(endpoint, since=0, snapshot_endpoint=snapshots, on_problem=lambda _: None) as subscription,
    ):
        sending = published_over_and_over(pub, far)
        while subscription.receive(5).seq < far.seq and time.monotonic() - began < 10.0:
            pass
        took = time.monotonic() - began
        sending.join()
    return Observation(f"left after {took:.1f} s", complaints=() if took < 5 else ("it has no end",))


@fault("publisher", "its socket file is left by one that was killed", told=False)
def left(bench: Bench) -> Observation:
    path = bench.folder / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    try:
        with publishing(endpoint=f"ipc://{path}") as (_, outbox):
            outbox.emit(sample.heartbeat())
    except UserError as refused:
        return Observation(str(refused), complaints=("it is not taken over",))
    left = [entry.name for entry in bench.folder.iterdir()]
    return Observation("taken over", complaints=(f"{left} are left behind",) if left else ())
