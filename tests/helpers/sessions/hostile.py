"""A publisher that is none of ours, to which subscribers are not to fall prey."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import zmq

from emotrack.stream.wire.protocol.encoding import encode, topic
from emotrack.stream.wire.protocol.messages import Message


@contextmanager
def hostile(answer: Callable[[dict[str, Any]], bytes]) -> Iterator[tuple[str, str, zmq.Socket[bytes]]]:
    """A publisher that is none of ours: its two addresses, and its PUB socket; `answer` makes the reply to a
    snapshot request."""
    with zmq.Context() as context, context.socket(zmq.PUB) as pub, context.socket(zmq.ROUTER) as router:
        pub.linger = router.linger = 0
        ports = [each.bind_to_random_port("tcp://127.0.0.1") for each in (pub, router)]
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                if router.poll(20):
                    client, request = router.recv_multipart()
                    router.send_multipart([client, answer(msgspec.json.decode(request))])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{ports[0]}", f"tcp://127.0.0.1:{ports[1]}", pub
        finally:
            over.set()
            thread.join()


def published_over_and_over(pub: zmq.Socket[bytes], message: Message) -> threading.Timer:
    """Send the message until it is heard: a subscription takes its time."""

    def send() -> None:
        for _ in range(20):
            pub.send_multipart([topic(message).encode(), encode(message)])
            time.sleep(0.02)

    timer = threading.Timer(0.1, send)
    timer.start()
    return timer
