"""A recording published again is what it was, at the pace of its own time."""

import itertools
import math
import threading

import msgspec
import pytest

from emotrack.stream.wire.client.subscription import subscribe
from emotrack.stream.wire.protocol.messages import Heartbeat, Message, Session
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from emotrack.stream.wire.recordings.replay import again, in_time
from helpers.sessions import sample_messages as sample


def test_each_message_comes_when_session_time_has_come() -> None:
    clock = [100.0]

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock[0] += timeout or 0.0
            return False

    messages = sample.conversation()
    came = []
    for _ in in_time(messages, 2.0, Waiting(), now=lambda: clock[0]):
        came.append(clock[0] - 100.0)
    moments = [getattr(one, "time", getattr(one, "end", 0.0)) for one in messages]
    assert came == pytest.approx([moment / 2 for moment in itertools.accumulate(moments, max)])


def test_playing_ends_when_it_is_to() -> None:
    stop = threading.Event()
    played = in_time(sample.conversation(), 0.001, stop)
    assert isinstance(next(played), Session)
    stop.set()
    assert not list(played)


def same(message: Message) -> Message:
    """But for when it was sent, and where snapshots are answered."""
    message = msgspec.structs.replace(message, published_unix_ns=1)
    return (
        msgspec.structs.replace(message, snapshot_endpoint=None)
        if isinstance(message, Heartbeat)
        else message
    )


def test_a_subscriber_gets_the_same_messages() -> None:
    messages = sample.conversation()
    publisher = Publisher("tcp://127.0.0.1:0")
    try:
        with subscribe(publisher.endpoint, since=0, timeout=10) as subscription:
            for message in in_time(messages, math.inf):
                publisher.write(again(message, publisher.snapshot_endpoint))
            found = [subscription.receive() for _ in messages]
    finally:
        publisher.close()
    assert list(map(same, found)) == list(map(same, messages))
    assert isinstance(found[-1], Heartbeat) and found[-1].snapshot_endpoint == publisher.snapshot_endpoint
