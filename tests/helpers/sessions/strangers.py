"""Strangers on the port of a publisher: real attacks over real sockets, each from a process of its own.

`python -m helpers.sessions.strangers ATTACK ENDPOINT SNAPSHOTS SECONDS` attacks for that long. `besieged`
runs a publisher in another process, lets one loose on it, and tells what its memory and an honest subscriber
saw of it. What ZeroMQ's own sockets would not send is written by hand (ZMTP 3.0).
"""

import contextlib
import itertools
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zmq

from emotrack.stream.wire.protocol.endpoints import parse_endpoint
from emotrack.stream.wire.protocol.keys import ClientKeys, ServerKeys, load_public_key
from helpers.sessions import sample_messages as sample
from helpers.sessions.processors import Time, times, waited
from helpers.sessions.wire import publishing

RATE = 50
"""Messages a second that the besieged publisher sends."""
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
_MORE, _LONG, _COMMAND = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Target:
    """Where the publisher is."""

    messages: str
    snapshots: str


@dataclass(frozen=True, slots=True)
class Siege:
    """What one attack did: growth of resident memory in bytes, the longest silence in seconds that an honest
    subscriber heard (less what publisher and subscriber waited in it for a processor that others had: the
    attack is on the same machine), messages it missed, and whether a new one was served meanwhile."""

    growth: int
    gap: float
    missed: int
    newcomer: bool


# What a stranger writes.


def connection(endpoint: str) -> socket.socket:
    """A TCP connection; sending and receiving give up after a second."""
    address = parse_endpoint(endpoint)
    made = socket.create_connection((address.host, address.port), timeout=1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # closed without a trace: else its port is kept for a minute, and no publisher may bind there
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return made


def greeting(mechanism: bytes = b"NULL") -> bytes:
    """The 64 bytes that begin a connection."""
    return b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


def frame(body: bytes, flags: int = 0) -> bytes:
    """One frame."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | _LONG]) + struct.pack(">Q", len(body)) + body


def introduced(endpoint: str, kind: bytes) -> socket.socket:
    """A connection whose handshake is done, as a socket of this kind."""
    made = connection(endpoint)
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    made.sendall(greeting() + frame(ready, _COMMAND))
    heard = b""
    while b"READY" not in heard:  # until then nothing but the handshake is listened to
        more = made.recv(4096)
        if not more:
            raise ConnectionResetError("The publisher ended the connection.")
        heard += more
    return made


def _until_refused(piece: bytes, made: socket.socket, until: float) -> None:
    with made:
        while time.monotonic() < until:
            made.sendall(piece)


def _again(attack: Callable[[float], None], seconds: float) -> None:
    """Attack anew each time that the publisher ends the connection."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            attack(until)


def unfinished_frame(target: Target, seconds: float) -> None:
    """A frame of a tebibyte that never ends, before anyone asked who sends it."""

    def attack(until: float) -> None:
        made = connection(target.messages)
        made.sendall(greeting(b"CURVE") + bytes([_COMMAND | _LONG]) + struct.pack(">Q", 2**40))
        _until_refused(bytes(1 << 20), made, until)

    _again(attack, seconds)


def huge_subscription(target: Target, seconds: float) -> None:
    """One subscription of 50 MB."""
    whole = frame(b"\x01" + b"x" * 50_000_000)

    def attack(until: float) -> None:
        with introduced(target.messages, b"SUB") as made:
            made.settimeout(10)
            made.sendall(whole)
            while time.monotonic() < until and made.recv(65536):
                pass

    _again(attack, seconds)


def many_subscriptions(target: Target, seconds: float) -> None:
    """300,000 small subscriptions, and again."""
    numbers = itertools.count()

    def attack(until: float) -> None:
        with introduced(target.messages, b"SUB") as made:
            for _ in range(300):
                made.sendall(b"".join(frame(b"\x01%032d" % next(numbers)) for _ in range(1000)))
            while time.monotonic() < until and made.recv(65536):
                pass

    _again(attack, seconds)


def changing_subscriptions(target: Target, seconds: float) -> None:
    """Subscribing and unsubscribing without end."""
    piece = b"".join(frame(b"\x01%0200d" % n) + frame(b"\x00%0200d" % n) for n in range(100))
    _again(lambda until: _until_refused(piece, introduced(target.messages, b"SUB"), until), seconds)


def _endless(endpoint: str, kind: bytes, part: bytes, seconds: float) -> None:
    piece = frame(part, _MORE) * (1 + 65536 // len(part + b".."))
    _again(lambda until: _until_refused(piece, introduced(endpoint, kind), until), seconds)


def endless_parts(target: Target, seconds: float) -> None:
    """A request of parts without end."""
    _endless(target.snapshots, b"DEALER", bytes(4000), seconds)


def endless_empty_parts(target: Target, seconds: float) -> None:
    """A request of empty parts without end: each costs two bytes to send and 64 to keep."""
    _endless(target.snapshots, b"DEALER", b"", seconds)


def endless_parts_to_publisher(target: Target, seconds: float) -> None:
    """The same to the socket that publishes."""
    _endless(target.messages, b"SUB", b"", seconds)


def _crowd(endpoint: str, kind: bytes | None, words: Iterable[bytes], seconds: float) -> None:
    crowd = []
    until = time.monotonic() + seconds
    for word in words:
        with contextlib.suppress(OSError):
            made = introduced(endpoint, kind) if kind else connection(endpoint)
            crowd.append(made)
            made.sendall(word)
        if time.monotonic() > until:
            return
    time.sleep(max(0.0, until - time.monotonic()))


def idle_connections(target: Target, seconds: float) -> None:
    """1,100 connections that say nothing."""
    _crowd(target.messages, None, [b""] * 1100, seconds)


def idle_subscribers(target: Target, seconds: float) -> None:
    """1,100 connections that introduce themselves and want nothing."""
    _crowd(target.messages, b"SUB", [b""] * 1100, seconds)


def idle_askers(target: Target, seconds: float) -> None:
    """1,100 connections at the snapshot socket that ask nothing."""
    _crowd(target.snapshots, b"DEALER", [b""] * 1100, seconds)


def crowded_subscribers(target: Target, seconds: float) -> None:
    """1,100 connections with 60 subscriptions each, every one another."""
    numbers = itertools.count()
    words = (b"".join(frame(b"\x01%0100d" % next(numbers)) for _ in range(60)) for _ in range(1100))
    _crowd(target.messages, b"SUB", words, seconds)


def patient_crowd(target: Target, seconds: float) -> None:
    """Connections that are quiet for a while, and then all send parts without end."""
    crowd = [introduced(target.messages, b"SUB") for _ in range(50)]
    for made in crowd:
        made.sendall(frame(b"\x01x"))
    time.sleep(2.2)
    until = time.monotonic() + seconds - 2.2
    piece = frame(b"", _MORE) * 32_768

    def send(made: socket.socket) -> None:
        with contextlib.suppress(OSError):
            _until_refused(piece, made, until)

    senders = [threading.Thread(target=send, args=(made,)) for made in crowd]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()


def unfinished_crowd(target: Target, seconds: float) -> None:
    """1,100 requests whose parts do not end, 48 kB each."""
    _crowd(target.snapshots, b"DEALER", [frame(b"", _MORE) * 24_000] * 1100, seconds)


def connecting(target: Target, seconds: float) -> None:
    """Connections that are opened and closed as fast as can be."""
    _again(lambda until: connection(target.messages).close(), seconds)


def flood_of_requests(target: Target, seconds: float) -> None:
    """Requests as fast as they can be sent, answers unread."""
    piece = (frame(b"", _MORE) + frame(b'{"request": "snapshot"}')) * 200
    _again(lambda until: _until_refused(piece, introduced(target.snapshots, b"DEALER"), until), seconds)


def unread_answers(target: Target, seconds: float) -> None:
    """Many who ask for everything and read none of it."""

    def attack(until: float) -> None:
        crowd = [introduced(target.snapshots, b"DEALER") for _ in range(40)]
        while time.monotonic() < until:
            for made in crowd:
                made.sendall(frame(b'{"request": "snapshot", "since": 0}'))
            time.sleep(0.02)

    _again(attack, seconds)


ATTACKS: dict[str, Callable[[Target, float], None]] = {
    attack.__name__: attack
    for attack in (
        *(unfinished_frame, huge_subscription, many_subscriptions, changing_subscriptions),
        *(endless_parts, endless_empty_parts, endless_parts_to_publisher, unfinished_crowd, patient_crowd),
        *(idle_connections, idle_subscribers, idle_askers, crowded_subscribers, connecting),
        *(flood_of_requests, unread_answers),
    )
}


# What it does to a publisher.


def publish(keys: str | None, earlier: int, rate: int) -> None:
    """Publish until standard input ends; the ring holds `earlier` labels from the start."""
    with publishing(keys=ServerKeys.load(Path(keys)) if keys else None) as (publisher, outbox):
        outbox.emit(sample.session())
        for number in range(earlier):
            outbox.emit(sample.emotion(number))
        sys.stdout.write(f"{publisher.endpoint} {publisher.snapshot_endpoint}\n")
        sys.stdout.flush()
        ended = threading.Event()

        def wait_for_the_end() -> None:
            sys.stdin.read()
            ended.set()

        threading.Thread(target=wait_for_the_end, daemon=True).start()
        due = time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            due += 1 / rate
            outbox.emit(sample.heartbeat())


@contextlib.contextmanager
def publisher_process(
    keys: Path | None = None, earlier: int = 0, rate: int = RATE, descriptors: int = 1024
) -> Iterator[tuple[Target, int]]:
    """A publisher in a process of its own, with so many descriptors (as many as a login has): where it is,
    and its process id."""
    numbers = [str(number) for number in (earlier, rate, descriptors)]
    command = [sys.executable, "-m", __name__, "publish", str(keys or ""), *numbers]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout and process.stdin
        try:
            yield Target(*process.stdout.readline().split()), process.pid
            assert process.poll() is None, "the publisher has died"
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()


def resident(pid: int, what: str = "VmRSS") -> int:
    """Bytes of memory that a process holds, or (`VmHWM`) held at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith(what)))


class Honest(threading.Thread):
    """A subscriber that notes when it heard what."""

    def __init__(self, target: Target, publisher: int, keys: Path | None) -> None:
        """`publisher`: its process."""
        super().__init__(daemon=True)
        self.heard: list[float] = []
        self.silences: list[float] = []
        """Before each message, and until it left."""
        self._pids = publisher, os.getpid()
        self.left = threading.Event()
        self._target, self._keys = target, keys

    def run(self) -> None:
        """Listen until told to leave."""
        with zmq.Context() as context, context.socket(zmq.SUB) as listening:
            listening.linger = 0
            if self._keys:
                own = ClientKeys.load(self._keys / "robot.key_secret")
                listening.curve_publickey, listening.curve_secretkey = own.public, own.secret
                listening.curve_serverkey = load_public_key(self._keys / "server.key")
            listening.subscribe(b"emotrack/1/")
            listening.connect(self._target.messages)
            before = [times(pid) for pid in self._pids]
            while not self.left.is_set():
                if listening.poll(50):
                    listening.recv_multipart()
                    before = self._note(before)
                    self.heard.append(time.monotonic())
            self._note(before)

    def _note(self, before: list[dict[int, Time]]) -> list[dict[int, Time]]:
        """A silence ends now; gives how long threads have waited so far, `before` being that at its begin."""
        after = [times(pid) for pid in self._pids]
        silence = time.monotonic() - self.heard[-1] if self.heard else 0.0
        self.silences.append(
            silence - sum(max(0.0, waited(*pair)) for pair in zip(before, after, strict=True))
        )
        return after

    def wait_for(self, count: int, seconds: float) -> bool:
        """Whether so many messages have come in time."""
        until = time.monotonic() + seconds
        while len(self.heard) < count and time.monotonic() < until:
            time.sleep(0.02)
        return len(self.heard) >= count


def besieged(attack: str, *, keys: Path | None = None, seconds: float = 4.0, earlier: int = 0) -> Siege:
    """Let `attack` loose for `seconds` on a publisher with one honest subscriber; another joins meanwhile."""
    with publisher_process(keys, earlier) as (target, pid):
        honest, newcomer = Honest(target, pid, keys), Honest(target, pid, keys)
        honest.start()
        assert honest.wait_for(RATE, 20)
        before = resident(pid)
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins here
        command = [sys.executable, "-m", __name__, attack, target.messages, target.snapshots, str(seconds)]
        began, first = time.monotonic(), len(honest.heard)
        with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
            time.sleep(seconds * 0.4)
            newcomer.start()
            served = newcomer.wait_for(5, seconds * 0.6)
            process.wait(seconds + 30)
        time.sleep(0.5)
        for each in (honest, newcomer):
            each.left.set()
            each.join()
        moments = honest.heard[first - 1 :]
        gap = max(honest.silences[first:])
        missed = max(0, round((moments[-1] - began) * RATE) - len(moments))
        return Siege(resident(pid, "VmHWM") - before, gap, missed, served)


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name == "publish":
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(arguments[3]), HARD))
        publish(arguments[0] or None, int(arguments[1]), int(arguments[2]))
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
        ATTACKS[name](Target(*arguments[:2]), float(arguments[2]))
