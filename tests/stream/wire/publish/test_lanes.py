"""Outputs that hang or are slow: they cost nobody else anything, and it is told what they lack."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.messages import Error, Heartbeat, Message
from emotrack.stream.wire.publish import lanes
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import (
    Listener,
    Outgoing,
    SinkDelayed,
    SinkFailed,
    SinkIncomplete,
)
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import Kept, emit_all


class Gated:
    """Takes messages while its gate is open, and hangs otherwise."""

    name = "The gate"

    def __init__(self, *, opened: bool = False) -> None:
        self.messages: list[Message] = []
        self.gate = threading.Event()
        self.closed = threading.Event()
        if opened:
            self.gate.set()

    def write(self, outgoing: Outgoing) -> None:
        self.gate.wait(60)
        self.messages.append(outgoing.message)

    def close(self) -> None:
        self.gate.wait(60)
        self.closed.set()


@pytest.fixture
def gated() -> Iterator[Gated]:
    """A gate that is opened behind the test, so that no thread hangs on."""
    made = Gated()
    yield made
    made.gate.set()


def live(*sinks: object) -> Outbox:
    """The outbox of a session that waits for no sink."""
    outbox = Outbox("s1", sinks)  # type: ignore[arg-type]  # sinks of any kind
    outbox.patient = False
    return outbox


def beat_until(outbox: Outbox, kept: Kept, sentence: str, seconds: float = 20.0) -> None:
    """Emit heartbeats until something that begins so has been told."""
    deadline = time.monotonic() + seconds
    while not any(one.startswith(sentence) for one in kept.told):
        assert time.monotonic() < deadline, kept.told
        outbox.emit(sample.heartbeat())
        time.sleep(0.02)


def test_a_sink_that_hangs_is_told_of_once_and_holds_nobody_up(gated: Gated) -> None:
    kept = Kept()
    outbox = live(gated, kept)
    slowest = 0.0
    for _ in range(40):
        began = time.monotonic()
        outbox.emit(sample.heartbeat())
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.025)
    assert kept.told == ["The gate is behind, or hangs: messages wait."]
    assert slowest < 5.0  # it hangs for 60
    assert [message.seq for message in kept.messages] == list(range(1, 42))
    gated.gate.set()
    outbox.close()
    assert gated.messages == kept.messages and gated.closed.is_set() and outbox.incomplete == ()


def test_what_a_sink_is_given_keeps_its_order_and_is_whole_when_it_was_only_slow() -> None:
    class Slow(Gated):
        def write(self, outgoing: Outgoing) -> None:
            time.sleep(0.01)
            super().write(outgoing)

    slow, kept = Slow(opened=True), Kept()
    outbox = live(slow, kept)
    emit_all(outbox, [sample.emotion(number) for number in range(60)])
    outbox.close()
    assert slow.messages == kept.messages and slow.closed.is_set() and outbox.incomplete == ()


@pytest.mark.parametrize("bound", ["WAITING", "WAITING_BYTES"])
def test_a_gap_is_marked_in_the_recording_where_it_is_and_counted(
    bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, bound, 8 if bound == "WAITING" else 8_000)
    path, gate, kept = tmp_path / "messages.jsonl", threading.Event(), Kept()
    recorder = Recorder(path)
    write = recorder.write

    def stall(outgoing: Outgoing) -> None:
        if outgoing.message.seq > 3:
            gate.wait(60)
        write(outgoing)

    monkeypatch.setattr(recorder, "write", stall)
    outbox = live(recorder, kept)
    emit_all(outbox, [sample.emotion()] * 40)
    beat = outbox.emit(sample.heartbeat())
    assert isinstance(beat, Heartbeat) and beat.dropped["output_messages"] > 20
    gate.set()
    beat_until(outbox, kept, f"Recording to {path} lacks ")
    outbox.emit(sample.emotion())
    outbox.close()
    recorded = [decode(line) for line in path.read_bytes().splitlines()]
    (marked,) = (n for n, one in enumerate(recorded) if isinstance(one, Error) and " lacks " in one.message)
    numbers = [message.seq for message in recorded]
    assert numbers[:marked] == list(range(1, marked + 1))
    assert numbers[marked:] == list(range(numbers[marked], kept.messages[-1].seq + 1))
    missing = numbers[marked] - numbers[marked - 1] - 1
    assert missing > 20
    sentence = f"Recording to {path} lacks {missing} messages, numbers {marked + 1} to {numbers[marked] - 1}."
    assert recorded[marked].message == sentence  # type: ignore[union-attr]  # it is an error
    assert outbox.incomplete == (sentence,)


def test_a_session_that_may_wait_leaves_nothing_out(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WAITING", 5)
    kept = Kept()
    outbox = Outbox("s1", [gated, kept])
    emitting = threading.Thread(target=lambda: emit_all(outbox, [sample.feed()] * 40))
    emitting.start()
    emitting.join(1.0)
    assert emitting.is_alive() and len(kept.messages) < 10
    gated.gate.set()
    emitting.join(20)
    outbox.close()
    assert gated.messages == kept.messages and len(kept.messages) == 40 and outbox.incomplete == ()


def test_a_session_that_may_wait_is_ended_at_once_when_somebody_wants_that(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "WAITING", 5)
    outbox = Outbox("s1", [gated])
    emitting = threading.Thread(target=lambda: emit_all(outbox, [sample.feed()] * 40))
    emitting.start()
    emitting.join(0.5)
    assert emitting.is_alive()
    outbox.hurry()
    emitting.join(20)
    assert not emitting.is_alive()
    began = time.monotonic()
    outbox.close()
    assert time.monotonic() - began < 10.0  # the gate is shut for 60
    assert outbox.incomplete == ("The gate lacks the last 40 messages: it hangs.",)


def test_a_sink_whose_patience_is_over_is_left_behind(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WAITING", 5)
    monkeypatch.setattr(lanes, "PATIENCE", 0.3)
    monkeypatch.setattr(lanes, "ENDING", 0.6)
    outbox = Outbox("s1", [gated])
    emit_all(outbox, [sample.feed()] * 40)
    outbox.close()
    assert outbox.incomplete == ("The gate lacks the last 40 messages: it hangs.",)
    gated.gate.set()
    assert gated.closed.wait(20) and len(gated.messages) == 1  # what it had in its hands


def test_a_sink_that_hangs_while_it_is_closed_is_not_waited_for_long(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "ENDING", 0.5)
    outbox = live(gated)
    outbox.close()
    assert outbox.incomplete == ("The gate does not end: it hangs.",)


def test_a_sink_that_fails_behind_a_hang_is_told_of_with_the_next_message(gated: Gated) -> None:
    class Breaks(Gated):
        def write(self, outgoing: Outgoing) -> None:
            super().write(outgoing)
            raise SinkFailed("The gate has fallen.")

    breaks, kept = Breaks(), Kept()
    outbox = live(breaks, kept)
    outbox.emit(sample.feed())
    assert kept.told == []
    breaks.gate.set()
    beat_until(outbox, kept, "The gate has fallen.")
    assert outbox.incomplete == ("The gate has fallen.",)
    outbox.close()


def test_a_sink_that_waits_by_itself_is_told_of_on_its_thread_as_on_any() -> None:
    class Waits(Gated):
        def write(self, outgoing: Outgoing) -> None:
            super().write(outgoing)
            if len(self.messages) == 1:
                raise SinkDelayed("The gate is stiff.")

    kept = Kept()
    outbox = live(waits := Waits(opened=True), kept)
    beat_until(outbox, kept, "The gate is stiff.")
    outbox.close()
    assert waits.messages == kept.messages


def test_a_program_that_never_reads_does_not_stop_a_live_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WAITING", 5)
    listener, kept = Listener(limit=3), Kept()
    outbox = live(listener, kept)
    emit_all(outbox, [sample.feed()] * 40)
    assert len(kept.messages) == 40
    listener.leave()
    outbox.close()


@pytest.mark.parametrize("prompt", [True, False])
def test_a_sink_that_goes_on_without_some_says_so_and_is_given_the_rest(prompt: bool) -> None:
    class Forgets(Gated):
        def write(self, outgoing: Outgoing) -> None:
            super().write(outgoing)
            if len(self.messages) == 2:
                raise SinkIncomplete("The gate lacks 3 messages.")

    forgets, kept = Forgets(opened=True), Kept()
    forgets.prompt = prompt  # type: ignore[attr-defined]  # what a sink may say of itself
    outbox = live(forgets, kept)
    emit_all(outbox, [sample.feed()] * 3)
    beat_until(outbox, kept, "The gate lacks 3 messages.")
    outbox.close()
    assert kept.told == ["The gate lacks 3 messages."] == list(outbox.incomplete)
    assert forgets.messages == kept.messages
