"""What of a session becomes an event of the log: ids and numbers, no word, no label, nobody's name; and no
session goes on for its log alone."""

import json
import logging
import re
import threading
from typing import Any

import pytest

from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.publish.events import EventLog
from emotrack.stream.wire.publish.metrics import Metrics
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Outgoing, Sink, SinkFailed
from helpers.sessions import sample_messages as sample

STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def logged(caplog: pytest.LogCaptureFixture, *messages: Message) -> list[dict[str, Any]]:
    """What is logged of these: the fields of each event, with its level and sentence."""
    outbox = Outbox("s1", [EventLog()])
    with caplog.at_level(logging.INFO, "emotrack.session"):
        for message in messages:
            outbox.emit(message)
    return [
        {name: value for name, value in vars(record).items() if name not in STANDARD}
        | {"level": record.levelname, "sentence": record.getMessage()}
        for record in caplog.records
    ]


def test_starts_feeds_errors_and_ends_are_events_with_their_levels(caplog: pytest.LogCaptureFixture) -> None:
    found = logged(
        caplog,
        sample.session(),
        sample.feed("video", "up"),
        sample.feed("video", "down", "the cable was pulled", 3.0),
        sample.error("The recogniser hangs."),
        sample.session("ended", reason="error"),
    )
    assert [(one["event"], one["level"]) for one in found] == [
        ("session started", "INFO"),
        ("feed", "INFO"),
        ("feed", "WARNING"),
        ("error", "WARNING"),
        ("session ended", "ERROR"),
    ]
    assert {one["session"] for one in found} == {"s1"}
    down = found[2]
    assert (down["source"], down["medium"], down["state"]) == ("kitchen", "video", "down")
    assert down["reason"] == "the cable was pulled" and down["session_time"] == 3.0
    assert found[3]["sentence"] == "The recogniser hangs." and found[3]["continues"] is True


def test_a_final_label_is_an_event_with_its_utterance_and_no_other_label_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (found,) = logged(
        caplog,
        sample.emotion(7, state="partial"),
        sample.emotion(7, modalities=sample.modalities(face=sample.masked("no face"))),
        sample.emotion(7, state="revised", revision=1),
        sample.person("anna"),
        sample.face(),
    )
    assert (found["event"], found["utterance"], found["source"]) == ("final", 7, "kitchen")
    assert found["total_ms"] == 21.3 and found["masked"] == ["face", "body"]


def test_each_step_of_what_is_left_out_is_an_event_up_and_down(caplog: pytest.LogCaptureFixture) -> None:
    steps: list[tuple[str, ...]] = [(), ("partials",), ("partials", "body"), ("partials", "body"), ()]
    found = logged(caplog, *(sample.heartbeat(shedding=step) for step in steps))
    assert [(one["event"], one["kind"], one["shed"], one["level"]) for one in found] == [
        ("load", "partials", True, "WARNING"),
        ("load", "body", True, "WARNING"),
        ("load", "partials", False, "INFO"),
        ("load", "body", False, "INFO"),
    ]


def test_no_word_no_label_and_nobodys_name_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    messages = sample.conversation()
    found = logged(caplog, *messages, sample.emotion(60, "anna"), sample.new_speaker("anna"))
    assert len(found) > 50
    text = json.dumps([list(one.values()) for one in found])
    words = {
        word
        for message in messages
        if (transcript := getattr(message, "transcript", None)) is not None
        for word in re.findall(r"\w{4,}", transcript.text)
    }
    assert words
    named = [name for name in (*LABELS, *words, "anna", "spk1", "spk2") if re.search(rf"\b{name}\b", text)]
    assert not named


@pytest.mark.parametrize("watching", [EventLog, lambda: Metrics("127.0.0.1:0")], ids=["log", "metrics"])
def test_for_those_who_only_watch_no_session_goes_on(watching: Any) -> None:
    class Left:
        def write(self, outgoing: Outgoing) -> None:
            raise SinkFailed("Nobody reads any more.", unread=True)

        def close(self) -> None:
            pass

    asked = threading.Event()
    sinks: list[Sink] = [Left(), watching()]
    outbox = Outbox("s1", sinks, request_stop=asked.set)
    outbox.emit(sample.heartbeat())
    assert asked.is_set()
    outbox.close()
