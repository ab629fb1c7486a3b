"""A loop that stands still: told from another thread, with where it is, and once."""

import itertools
import threading
import time

import numpy as np
import pytest

from emotrack.stream.session import watchdog
from emotrack.stream.session.loop import Loop
from emotrack.stream.session.watchdog import Watchdog
from emotrack.stream.wire.protocol.messages import Error, Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.media.scripted import LoudnessVad, Scripted, cheap, sound, up
from helpers.sessions.tracking import Collector, Workbench, emotions


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


def test_a_session_says_where_it_hangs_and_goes_on(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here in what finds speech; told from another thread, while it still hangs."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)
    detect, calls, hangs = LoudnessVad.probability, itertools.count(), threading.Event()

    def stand_still(detector: LoudnessVad, block: np.ndarray) -> float:
        if next(calls) == 20:
            hangs.set()
            time.sleep(4.0)
            hangs.clear()
        return detect(detector, block)

    monkeypatch.setattr(LoudnessVad, "probability", stand_still)
    told: list[tuple[str, bool]] = []

    def react(_: Loop, message: Message) -> None:
        if isinstance(message, Error):
            told.append((message.message, hangs.is_set()))

    parts = [part for _ in range(3) for part in ((0.8, 0.001), (0.5, 0.2))]
    source = Scripted("desk", [*up("audio"), *sound(*parts, (1.0, 0.001))])
    messages = workbench.track(
        [source],
        "stream.modalities=[audio]",
        realtime=True,
        transcribe=False,
        encoders=cheap(workbench.encoders),
        react=react,
    )
    where = " s in emotrack.stream.utterances."
    assert [(where in sentence, meanwhile) for sentence, meanwhile in told] == [(True, True)], told
    assert len(emotions(messages, "final")) == 3
