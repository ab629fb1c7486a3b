"""A loop that stands still: told from another thread, with where it is, and once."""

import threading
import time

import pytest

from emotrack.stream.session import watchdog
from emotrack.stream.session.loop import Loop
from emotrack.stream.session.watchdog import Watchdog
from emotrack.stream.wire.protocol.messages import Emotion, Error, Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.media.scripted import Scripted, sound, up
from helpers.sessions.tracking import Collector, Workbench


def stand(seconds: float, watched: Watchdog) -> None:
    """A loop of ours that stands still after its first turn, and then turns once more."""
    with watched.watching():
        watched.turn(3.0)
        time.sleep(seconds)
        watched.turn(4.0)
        time.sleep(0.5)


def test_a_loop_that_stands_still_is_told_of_once_with_where_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watchdog, "CALM", 0.0)
    collector = Collector()
    stand(3.0, Watchdog(Outbox("s1", [collector])))
    (told,) = (message for message in collector.messages if isinstance(message, Error))
    assert told.message.startswith("The session has stood still for ") and told.time == 3.0
    assert told.continues and told.message.endswith(": nothing is labelled meanwhile.")
    assert caplog.messages[0] == told.message and caplog.messages[1].startswith("The session goes on;")


def test_a_loop_that_turns_is_not_told_of() -> None:
    collector = Collector()
    watched = Watchdog(Outbox("s1", [collector]))
    with watched.watching():
        for _ in range(20):
            watched.turn(0.0)
            time.sleep(0.1)
    assert collector.messages == []


def test_nobody_watches_any_more_when_the_block_is_over() -> None:
    watched = Watchdog(Outbox("s1"))
    before = set(threading.enumerate())
    with watched.watching():
        (own,) = set(threading.enumerate()) - before
    own.join(10)
    assert not own.is_alive()


def test_a_session_says_where_it_hangs_and_labels_on(workbench: Workbench) -> None:
    """Here in an output, which is called on its own thread because it says that it never waits."""
    stood = threading.Event()

    def react(_: Loop, message: Message) -> None:
        if isinstance(message, Emotion) and not stood.is_set():
            stood.set()
            time.sleep(2.5)

    parts = [part for _ in range(3) for part in ((0.6, 0.001), (0.5, 0.2))]
    source = Scripted("desk", [*up("audio"), *sound(*parts, (1.0, 0.001))])
    messages = workbench.track([source], "stream.modalities=[audio]", realtime=True, react=react)
    assert stood.is_set()
    told = [message.message for message in messages if isinstance(message, Error)]
    assert any("stood still" in one and " in emotrack.stream.wire.publish.outbox." in one for one in told)
