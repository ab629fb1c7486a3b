"""Messages of another process passed on: whole, in order, and until a bridge takes no more."""

import pytest

from emotrack.errors import UserError
from emotrack.stream.wire.bridges.passing import pass_on
from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed, SinkFailed, SinkIncomplete
from helpers.bridges.scene import scene


class Bridge:
    name = "The bridge"

    def __init__(self, *failures: Exception, closing: Exception | None = None) -> None:
        self.given: list[Outgoing] = []
        self.closed = 0
        self._failures = list(failures)
        self._closing = closing

    def write(self, outgoing: Outgoing) -> None:
        self.given.append(outgoing)
        if self._failures:
            raise self._failures.pop(0)

    def close(self) -> None:
        self.closed += 1
        if self._closing is not None:
            raise self._closing


def test_a_bridge_is_given_what_the_session_gave() -> None:
    bridge, told = Bridge(SinkDelayed("It waits."), SinkIncomplete("It lacks one.")), list[str]()
    pass_on([one.message for one in scene()], bridge, told.append)
    assert bridge.given == scene_as_given(bridge) and bridge.closed == 1
    assert told == ["It waits.", "It lacks one."]


def scene_as_given(bridge: Bridge) -> list[Outgoing]:
    """The scene with the moments at which these messages were published."""
    given = scene()
    assert [(one.topic, one.message.seq) for one in bridge.given] == [
        (one.topic, one.message.seq) for one in given
    ]
    return [Outgoing(one.message, one.topic, one.json) for one in bridge.given]


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (SinkFailed("It is full."), r"^It is full\.$"),
        (RuntimeError("boom"), r"^The bridge has failed: RuntimeError: boom\.$"),
    ],
)
def test_one_that_fails_ends_the_command_with_a_sentence(failure: Exception, sentence: str) -> None:
    bridge, told = Bridge(failure, closing=SinkFailed("It lacks the end.")), list[str]()
    with pytest.raises(UserError, match=sentence):
        pass_on([one.message for one in scene()], bridge, told.append)
    assert len(bridge.given) == 1 and bridge.closed == 1 and told == ["It lacks the end."]


def test_it_is_closed_where_somebody_ends_the_command() -> None:
    def interrupted() -> object:
        yield scene()[0].message
        raise KeyboardInterrupt

    bridge = Bridge()
    with pytest.raises(KeyboardInterrupt):
        pass_on(interrupted(), bridge, lambda _: None)  # type: ignore[arg-type]  # a generator of messages
    assert bridge.closed == 1
