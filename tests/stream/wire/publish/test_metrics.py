"""What a monitoring system reads: counts as in the messages, whether the session lives and labels, and no
names; whoever asks too much or too slowly changes nothing."""

import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from emotrack.errors import UserError
from emotrack.stream.settings import PublishSettings
from emotrack.stream.wire.protocol.messages import Feed, Message
from emotrack.stream.wire.protocol.parts import Timing
from emotrack.stream.wire.publish import metrics as module
from emotrack.stream.wire.publish.metrics import AT_ONCE, SILENT_SECONDS, Metrics, open_metrics
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample

ANYWHERE = "127.0.0.1:0"


@pytest.fixture
def served() -> Iterator[Metrics]:
    metrics = Metrics(ANYWHERE)
    yield metrics
    metrics.close()


def write(metrics: Metrics, *messages: Message) -> None:
    outbox = Outbox("test", [metrics])
    for message in messages:
        outbox.emit(message)


def feed(source: str, medium: Any, state: Any) -> Feed:
    return msgspec.structs.replace(sample.feed(medium, state), source=source)


def get(metrics: Metrics, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(metrics.address + path, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def told(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Everything that is told, by name and the values of its labels in the order of their names."""
    status, page = get(metrics, "/metrics")
    assert status == 200
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(page)
        for one in family.samples
        if one.name.startswith("emotrack_")
    }


def test_labels_are_counted_with_how_long_they_took_and_what_they_lack(served: Metrics) -> None:
    timing = Timing(total=30.0, transcribe=150.0)
    masked = sample.modalities(
        face=sample.masked("no face"),
        body=sample.masked("encoder failed: of session 7"),
        audio=sample.present(1.0),
    )
    write(
        served,
        sample.emotion(1, state="partial", source="room", label="joy", confidence=0.9),
        sample.emotion(1, source="room", label="joy", confidence=0.9, timing_ms=timing, modalities=masked),
        sample.emotion(2, source="room", label="anger", confidence=0.9, timing_ms=timing),
    )
    found = told(served)
    assert found["emotrack_labels_total", "joy", "room", "final"] == 1
    assert found["emotrack_labels_total", "joy", "room", "partial"] == 1
    assert found["emotrack_labels_total", "anger", "room", "final"] == 1
    assert found["emotrack_masked_total", "face", "no face"] >= 1
    assert found["emotrack_masked_total", "body", "encoder failed"] == 1
    assert found["emotrack_endpoint_to_label_seconds_count",] == 2
    assert found["emotrack_endpoint_to_label_seconds_sum",] == pytest.approx(0.06)
    assert found["emotrack_endpoint_to_label_seconds_bucket", "0.02"] == 0
    assert found["emotrack_endpoint_to_label_seconds_bucket", "0.05"] == 2
    assert found["emotrack_transcribe_seconds_sum",] == pytest.approx(0.3)


def test_sums_of_the_session_are_counted_once(served: Metrics) -> None:
    for total in (3, 3, 5):
        write(served, sample.heartbeat(lag=0.25, dropped={"audio": total}, shedding=("partials",)))
    write(served, sample.heartbeat(lag=0.5, dropped={"audio": 5}, queues={"audio": 7}, shedding=()))
    found = told(served)
    assert found["emotrack_dropped_total", "audio"] == 5
    assert found["emotrack_lag_seconds",] == 0.5 and found["emotrack_queue_depth", "audio"] == 7
    assert found["emotrack_shedding", "partials"] == 0


def test_feeds_faces_and_errors_are_told(served: Metrics) -> None:
    write(served, sample.session(), feed("room", "video", "degraded"), feed("room", "audio", "up"))
    write(
        served,
        sample.face(event="appeared", source="room"),
        sample.face(event="seen", source="room"),
        sample.error(),
    )
    found = told(served)
    assert [found["emotrack_feed_up", medium, "room"] for medium in ("video", "audio")] == [1, 1]
    assert [found["emotrack_feed_degraded", medium, "room"] for medium in ("video", "audio")] == [1, 0]
    assert found["emotrack_face_events_total", "appeared", "room"] == 1
    assert ("emotrack_face_events_total", "seen", "room") not in found
    assert found["emotrack_errors_total", "true"] == 1
    assert found["emotrack_session_start_time_seconds",] > 1.6e9
    write(served, feed("room", None, "down"))
    ended = told(served)
    assert [ended["emotrack_feed_up", medium, "room"] for medium in ("all", "audio", "video")] == [0, 0, 0]


def test_errors_are_counted_from_none_on_and_the_last_heartbeat_is_timed(served: Metrics) -> None:
    found = told(served)
    assert found["emotrack_errors_total", "true"] == found["emotrack_errors_total", "false"] == 0
    began = time.time()
    write(served, sample.heartbeat())
    assert began <= told(served)["emotrack_last_heartbeat_timestamp_seconds",] <= time.time()


def test_nobody_is_named(served: Metrics) -> None:
    """Neither people, nor what they said, nor the session."""
    messages = sample.conversation()
    write(served, *messages, sample.person("anna"), sample.new_speaker("anna"), sample.emotion(1, "anna"))
    _, page = get(served, "/metrics")
    spoken = {
        word
        for one in messages
        if (transcript := getattr(one, "transcript", None)) is not None
        for word in re.findall(r"\w{5,}", transcript.text)
    }
    assert not [name for name in ("anna", "spk1", "test", *spoken) if re.search(rf"\b{name}\b", page)]


def test_a_session_lives_while_its_heart_beats(served: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get(served, "/healthz") == (503, "no heartbeat yet\n")
    write(served, sample.heartbeat())
    assert get(served, "/healthz") == (200, "ok\n")
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + SILENT_SECONDS + 1)
    status, why = get(served, "/healthz")
    assert status == 503 and why.startswith("no heartbeat for ")


def test_a_session_is_ready_while_a_source_is_up(served: Metrics) -> None:
    write(served, sample.heartbeat())
    assert get(served, "/readyz") == (503, "no source is up\n")
    write(served, feed("room", "audio", "up"), feed("hall", "audio", "degraded"))
    assert get(served, "/readyz") == (200, "ok\n")
    write(served, feed("room", None, "down"))
    assert get(served, "/readyz") == (200, "ok\n"), "the other one is"
    write(served, feed("hall", None, "down"))
    assert get(served, "/readyz") == (503, "no source is up\n")


def test_anything_else_is_answered_with_what_there_is(served: Metrics) -> None:
    for path in ("/", "/metricsx", "/%2e%2e/etc/passwd"):
        assert get(served, path) == (404, "There is /metrics, /healthz and /readyz.\n")


def test_whoever_is_slow_or_writes_nonsense_keeps_nobody_out(
    served: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 0.5)
    host, port = served.address.removeprefix("http://").split(":")
    strangers: list[socket.socket] = []
    try:
        for number in range(3 * AT_ONCE):
            stranger = socket.create_connection((host, int(port)), timeout=5)
            stranger.sendall(b"\x00\xff garbage\r\n\r\n" if number % 3 else b"GET /metr")
            strangers.append(stranger)
        deadline = time.monotonic() + 10
        while not answers(served):
            assert time.monotonic() < deadline
    finally:
        for stranger in strangers:
            stranger.close()


def answers(metrics: Metrics) -> bool:
    try:
        return get(metrics, "/metrics")[0] == 200
    except OSError:
        return False


def test_a_taken_port_is_one_sentence(served: Metrics) -> None:
    place = served.address.removeprefix("http://")
    with pytest.raises(
        UserError, match=rf"^Metrics cannot be served at {place} \(.*\): take another port\.$"
    ):
        Metrics(place)


@pytest.mark.parametrize("place", ["", "here", "127.0.0.1:99999", "http://127.0.0.1:80", "ipc://x"])
def test_a_place_that_is_none_is_one_sentence(place: str) -> None:
    with pytest.raises(UserError, match=r"is no place to serve metrics at: write HOST:PORT, such as "):
        Metrics(place)


def test_other_machines_may_ask_only_where_that_is_said(served: Metrics) -> None:
    with pytest.raises(UserError, match=r"can be reached from other machines.* or say --insecure\.$"):
        Metrics("0.0.0.0:0")
    Metrics("0.0.0.0:0", insecure=True).close()
    assert open_metrics(PublishSettings()) is None


def test_what_is_not_asked_for_is_not_served_and_closing_ends_it() -> None:
    metrics = Metrics(ANYWHERE)
    metrics.close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(metrics.address + "/metrics", timeout=5)


def test_without_the_client_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    with pytest.raises(UserError, match=r"pip install 'emotrack\[metrics\]' brings it\.$"):
        Metrics(ANYWHERE)
