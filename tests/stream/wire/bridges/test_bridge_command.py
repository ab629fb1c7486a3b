"""`emotrack run --to` and `emotrack bridge`: messages arrive where they should, and no bridge, whatever it
does, slows a session or stops it."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_bundle import OscBundle

from emotrack.stream.sources.media import AUDIO_RATE
from emotrack.stream.wire.bridges import open as bridges
from emotrack.stream.wire.publish.sinks import Outgoing
from helpers.learning.corpora import write_wav
from helpers.media.speech import demo_speech
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import emotrack, start
from helpers.sessions.wire import heartbeats, publishing, unused_endpoint

pytestmark = pytest.mark.xdist_group("processes")

QUICK = (
    *("--publish", "none", "--modalities", "audio", "--set=stream.transcription.recogniser=none"),
    *("--set=engines.text=none", "--set=engines.face=none", "--set=stream.speakers.mode=feed"),
)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first line of the demonstration clip."""
    path = tmp_path_factory.mktemp("speech") / "line.wav"
    write_wav(path, demo_speech()[: 5 * AUDIO_RATE], AUDIO_RATE)
    return path


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """Where packets of OSC arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(60)
        yield opened


def address_of(receiver: socket.socket) -> str:
    return f"osc://127.0.0.1:{receiver.getsockname()[1]}"


def values(packet: bytes) -> dict[str, Any]:
    return {one.address: one.params[0] for one in OscBundle(packet)}


def recorded(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Sleeps:
    """A bridge that never comes back."""

    name = "The bridge that sleeps"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.given = 0

    def write(self, outgoing: Outgoing) -> None:
        self.given += 1
        self.gate.wait(300)

    def close(self) -> None:
        self.gate.wait(300)


class Raises:
    """A bridge whose library fails."""

    name = "The bridge that raises"

    def write(self, outgoing: Outgoing) -> None:
        if outgoing.message.seq > 2:
            raise ValueError("its library is broken")

    def close(self) -> None:
        raise RuntimeError("so is its end")


def test_a_bridge_that_sleeps_and_one_that_raises_neither_slow_nor_stop_a_session(
    speech: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps = Sleeps()
    monkeypatch.setitem(bridges._MAKERS, "sleeps", lambda *_: sleeps)
    monkeypatch.setitem(bridges._MAKERS, "raises", lambda *_: Raises())
    alone, beside = tmp_path / "alone.jsonl", tmp_path / "beside.jsonl"
    usual = emotrack(capfd, monkeypatch, "run", "--fast", *QUICK, "--jsonl", str(alone), str(speech))
    to = ("--to", "sleeps:", "--to", "raises:")
    began = time.monotonic()
    done = emotrack(capfd, monkeypatch, "run", *QUICK, *to, "--jsonl", str(beside), str(speech))
    took = time.monotonic() - began
    sleeps.gate.set()
    assert usual.code == 0 and done.code == 1  # not everything is where it was asked for
    assert took < 100 and sleeps.given == 1  # it sleeps for 300
    before, after = recorded(alone), recorded(beside)
    finals = [
        [one["end"] for one in messages if one["type"] == "emotion" and one["state"] == "final"]
        for messages in (before, after)
    ]
    assert finals[0] == finals[1] != []
    assert [one["seq"] for one in after] == list(range(1, len(after) + 1))
    told = [one["message"] for one in after if one["type"] == "error"]
    assert "The bridge that raises has failed: ValueError: its library is broken." in told
    assert "The bridge that sleeps is behind, or hangs: messages wait." in told
    assert max(one["lag"] for one in after if one["type"] == "heartbeat") < 10
    assert "Traceback" not in done.err


def test_a_broker_that_never_answers_costs_a_session_nothing(
    speech: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "messages.jsonl"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"mqtt://me:s3cret@127.0.0.1:{silent.getsockname()[1]}"
        done = emotrack(capfd, monkeypatch, "run", *QUICK, "--to", url, "--jsonl", str(path), str(speech))
    assert done.code == 1
    messages = recorded(path)
    assert [one["seq"] for one in messages] == list(range(1, len(messages) + 1))
    assert messages[-1]["type"] == "session" and messages[-1]["reason"] == "sources ended"
    assert [one for one in messages if one["type"] == "emotion" and one["state"] == "final"]
    assert "s3cret" not in done.err + done.out + path.read_text("utf-8")


def test_labels_of_a_session_arrive_as_osc(
    speech: Path, receiver: socket.socket, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = emotrack(
        capfd, monkeypatch, "run", "--fast", *QUICK, "--to", address_of(receiver), "--jsonl", "-", str(speech)
    )
    assert done.code == 0
    messages = [json.loads(line) for line in done.out.splitlines()]
    (final,) = [one for one in messages if one["type"] == "emotion" and one["state"] == "final"]
    while (found := values(receiver.recv(4096))).get("/emotrack/line/state") != "final":
        pass
    assert found["/emotrack/line/label"] == final["label"]
    assert found["/emotrack/line/confidence"] == pytest.approx(final["confidence"])


def test_a_bridge_of_its_own_process_passes_on_what_a_tracker_publishes(receiver: socket.socket) -> None:
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session())
        process = start("bridge", address_of(receiver), publisher.endpoint)
        outbox.emit(sample.person("ann", label="anger"))
        with heartbeats(outbox):
            while "/emotrack/ann/person/label" not in (found := values(receiver.recv(4096))):
                pass
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert found["/emotrack/ann/person/label"] == "anger"
    assert process.returncode == 128 + signal.SIGTERM
    place = f"The bridge to {address_of(receiver)} passes on what comes from {publisher.endpoint}"
    assert f"emotrack: {place}; Ctrl-C ends.\n" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--to", "carrier-pigeon:", "x.wav"), "carrier-pigeon: is no bridge: write one of lsl:, "),
        (("bridge", "osc://me:s3cret@host:9000"), "osc://host:9000 is no address of OSC"),
        (("bridge", "mqtt://broker.example/x"), "write mqtts://, or say --insecure."),
        (("bridge", "lsl:"), "leave it out, or say --insecure."),
        (("bridge", "osc://127.0.0.1:9000", unused_endpoint(), "--keys", "x"), "one is missing"),
        (("bridge", "osc://127.0.0.1:9000", "nowhere"), "is not an address"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: tuple[str, ...],
    said: str,
    speech: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = [str(speech) if one == "x.wav" else one for one in arguments]
    done = emotrack(capfd, monkeypatch, *given)
    assert done.code == 2 and len(done.sentences) == 1
    assert said in done.err and "s3cret" not in done.err


def test_a_policy_that_refuses_records_refuses_a_bridge_into_a_file(
    speech: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, path = tmp_path / "policy.yaml", tmp_path / "session.rrd"
    policy.write_text("records: false\n")
    to = ("--policy", str(policy), "--to", f"rerun:{path}")
    done = emotrack(capfd, monkeypatch, "run", *QUICK, *to, str(speech))
    assert done.code == 2 and not path.exists()
    assert "refuses records: leave out --to rerun:FILE.rrd." in done.err
