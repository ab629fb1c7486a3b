"""Messages of a tracker in another process passed on to a bridge: nothing that the bridge does can touch the
tracker."""

from collections.abc import Iterable

from emotrack.errors import UserError
from emotrack.notify import Notify
from emotrack.stream.wire.protocol.encoding import encode, topic
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import (
    Outgoing,
    Sink,
    SinkDelayed,
    SinkIncomplete,
    as_failure,
)


def pass_on(messages: Iterable[Message], bridge: Sink, tell: Notify) -> None:
    """Give `bridge` every message until there are no more, then close it, however they end.

    `tell` is given, in one sentence each, what the bridge says of itself. Raises `UserError` where it takes
    no more.
    """
    try:
        for message in messages:
            _give(bridge, Outgoing(message, topic(message), encode(message)), tell)
    finally:
        try:
            bridge.close()
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is told, and so is why they ended
            tell(str(as_failure(bridge, failure)))


def _give(bridge: Sink, outgoing: Outgoing, tell: Notify) -> None:
    try:
        bridge.write(outgoing)
    except (SinkDelayed, SinkIncomplete) as told:
        tell(str(told))
    except Exception as failure:
        raise UserError(str(as_failure(bridge, failure))) from failure
