"""What fails is told when it begins, and not again with each time that it comes and goes."""

from emotrack.stream.labels.troubles import CALM, Troubles
from emotrack.stream.wire.protocol.messages import Error
from emotrack.stream.wire.publish.outbox import Outbox


def test_a_part_that_flickers_is_told_of_now_and_then() -> None:
    outbox = Outbox("s1")
    told = outbox.follow()
    troubles = Troubles(outbox)
    for step in range(250):  # a tenth of a second each: it fails, works, fails …
        troubles.failed("speech", "desk", RuntimeError("no memory"), step / 10)
        troubles.worked("speech", "desk")
    moments = [message.time for message in told if isinstance(message, Error)]
    assert moments == [0.0, CALM, 2 * CALM]


def test_each_part_of_each_feed_is_told_of_once_while_it_fails() -> None:
    outbox = Outbox("s1")
    told = outbox.follow()
    troubles = Troubles(outbox)
    for moment in (0.0, 50.0, 100.0):
        for part, feed in (("speech", "desk"), ("speech", "room"), ("audio", "desk")):
            troubles.failed(part, feed, RuntimeError("no memory"), moment)
    assert [(message.source, message.time) for message in told if isinstance(message, Error)] == [
        ("desk", 0.0),
        ("room", 0.0),
        ("desk", 0.0),
    ]
