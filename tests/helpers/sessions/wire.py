"""A publisher with its outbox for tests, and a relay that loses messages on the way."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from emotrack.stream.wire.client.subscription import Subscription
from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.messages import Error, Message
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Outgoing
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from helpers.sessions import sample_messages as sample

LOCAL = "tcp://127.0.0.1:0"


class Kept:
    """A sink that keeps what it is given, on the thread of whoever emits."""

    prompt = True

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def write(self, outgoing: Outgoing) -> None:
        self.messages.append(outgoing.message)

    def close(self) -> None:
        pass

    @property
    def told(self) -> list[str]:
        return [message.message for message in self.messages if isinstance(message, Error)]


@contextmanager
def publishing(
    session: str = "s1", endpoint: str = LOCAL, **options: Any
) -> Iterator[tuple[Publisher, Outbox]]:
    publisher = Publisher(endpoint, **options)
    outbox = Outbox(session, [publisher], snapshot_endpoint=publisher.snapshot_endpoint)
    try:
        yield publisher, outbox
    finally:
        outbox.close()


def unused_endpoint() -> str:
    """An address for later, with the next port free too: no system gives these ports to who asks for any, as
    other tests do."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as messages, socket.socket() as snapshots:
            try:
                messages.bind(("127.0.0.1", port))
                snapshots.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
        return f"tcp://127.0.0.1:{port}"


def emit_all(outbox: Outbox, bodies: Iterable[Message]) -> list[Message]:
    return [outbox.emit(body) for body in bodies]


def receive(subscription: Subscription, count: int, timeout: float = 10.0) -> list[Message]:
    return [subscription.receive(timeout) for _ in range(count)]


def connect(subscription: Subscription, outbox: Outbox) -> list[Message]:
    """Emit heartbeats until one comes over the subscription itself (a snapshot may be quicker); all that were
    emitted."""
    sent: list[Message] = []
    while not sent or not subscription._socket.poll(50):
        sent.append(outbox.emit(sample.heartbeat()))
    return sent


@contextmanager
def heartbeats(outbox: Outbox) -> Iterator[None]:
    """Emit heartbeats for as long as the block runs."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(0.02):
            outbox.emit(sample.heartbeat())

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait_until_published(publisher: Publisher, message: Message) -> None:
    """Emitting only hands over; this waits until the publisher's thread has sent the message."""
    while publisher._state._seq < message.seq:
        time.sleep(0.01)


def silent(subscription: Subscription, seconds: float = 0.3) -> bool:
    try:
        subscription.receive(seconds)
    except TimeoutError:
        return True
    return False


def wait_for_problem(subscription: Subscription, problems: list[str], seconds: float = 10.0) -> None:
    """Listen in silence until a problem is told, and a little longer, in case it is told again."""
    deadline = time.monotonic() + seconds
    while not problems and time.monotonic() < deadline:
        assert silent(subscription, 0.05)
    assert silent(subscription, 0.4)


@contextmanager
def lossy_relay(upstream: str, keeps: Callable[[int], bool]) -> Iterator[str]:
    """Passes on the messages of `upstream` whose `seq` satisfies `keeps`; yields where to subscribe
    instead."""
    context = zmq.Context()
    ready, stop = threading.Event(), threading.Event()
    address: list[str] = []

    def run() -> None:
        source, sink = context.socket(zmq.SUB), context.socket(zmq.XPUB)
        sink.linger = 0
        source.rcvhwm = sink.sndhwm = 0
        source.connect(upstream)
        address.append(f"tcp://127.0.0.1:{sink.bind_to_random_port('tcp://127.0.0.1')}")
        ready.set()
        while not stop.is_set():
            if sink.poll(0):
                wish = sink.recv()
                source.setsockopt(zmq.SUBSCRIBE if wish[0] else zmq.UNSUBSCRIBE, wish[1:])
            if source.poll(5):
                frames = source.recv_multipart()
                if keeps(decode(frames[1]).seq):
                    sink.send_multipart(frames)
        source.close(linger=0)
        sink.close(linger=0)

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(5)
    try:
        yield address[0]
    finally:
        stop.set()
        thread.join()
        context.term()
