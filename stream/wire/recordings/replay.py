"""A recording published again, in its own time or faster.

Messages are those of the recording, with the numbers, times and names that they had; only when they are sent
and where snapshots are answered is told as it is now.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from emotrack.stream.wire.protocol.encoding import encode, topic
from emotrack.stream.wire.protocol.messages import Heartbeat, Message
from emotrack.stream.wire.publish.sinks import Outgoing


def in_time(
    messages: Iterable[Message],
    speed: float,
    stop: threading.Event | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Message]:
    """The same messages at the pace of session time, `speed` times as fast (above 0, infinity for as fast as
    they are taken); ends early when `stop` is set.

    So a session that was tracked faster than it happened is played as it happened. What takes longer than its
    time is caught up with, never skipped.
    """
    stop = stop or threading.Event()
    began = now()
    first: float | None = None
    reached = 0.0
    for message in messages:
        moment = getattr(message, "time", getattr(message, "end", None))
        if moment is not None:
            first = moment if first is None else first
            reached = max(reached, moment - first)
        if stop.wait(max(0.0, began + reached / speed - now())):
            return
        yield message


def again(message: Message, snapshot_endpoint: str | None) -> Outgoing:
    """A message of a recording on its way out once more."""
    message = msgspec.structs.replace(message, published_unix_ns=time.time_ns())
    if isinstance(message, Heartbeat):
        message = msgspec.structs.replace(message, snapshot_endpoint=snapshot_endpoint)
    return Outgoing(message, topic(message), encode(message))
