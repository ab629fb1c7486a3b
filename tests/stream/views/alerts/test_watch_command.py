"""`emotrack watch`: alerts of a recording and of a tracker, as lines and as JSON."""

import json
import signal
import sys
from pathlib import Path

import pytest

from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import emotrack, start
from helpers.sessions.wire import heartbeats, publishing

pytestmark = pytest.mark.xdist_group("processes")

MOODS = [(10.0, "anger"), (14.0, "anger"), (20.0, "neutral"), (30.0, "neutral")]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Somebody is angry from the tenth second to the twentieth."""
    path = tmp_path / "session.jsonl"
    outbox = Outbox("s1", [Recorder(path)])
    outbox.emit(sample.session())
    for time, label in MOODS:
        outbox.emit(sample.person("ann", time=time, label=label, confidence=0.75))
        outbox.emit(sample.person("ben", time=time, label=label, confidence=0.75))
    outbox.close()
    return path


def test_a_recording_has_its_alerts_in_session_time(
    recording: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("watch", "anger > .6 for 3s", str(recording), "--speaker", "ann")
    done = emotrack(capfd, monkeypatch, *given)
    assert done.code == 0 and done.err == ""
    assert done.out == "00:13.0 ann anger > 0.6 for 3s\n00:23.0 ann over: anger > 0.6 for 3s\n"
    again = emotrack(capfd, monkeypatch, *given, "--json")
    lines = [json.loads(line) for line in again.out.splitlines()]
    assert [(line["event"], line["person"], line["time"]) for line in lines] == [
        ("raised", "ann", 13.0),
        ("cleared", "ann", 23.0),
    ]
    cleared = emotrack(capfd, monkeypatch, *given, "--clear", "label == neutral for 0.5s")
    assert cleared.out.splitlines()[1].startswith("00:20.5 ann over: ")


def test_each_alert_of_a_recording_is_acted_on_before_the_command_ends(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, script = tmp_path / "out", tmp_path / "act.py"
    script.write_text(
        "import os\nprint('printed')\n"
        f"open({str(out)!r}, 'a').write(os.environ['EMOTRACK_PERSON'] + os.environ['EMOTRACK_EVENT'] + ' ')\n"
    )
    act = ("--exec", f"'{sys.executable}' '{script}'")
    done = emotrack(capfd, monkeypatch, "watch", "label == anger", str(recording), *act)
    assert done.code == 0
    assert out.read_text().split() == ["annraised", "benraised", "anncleared", "bencleared"]
    assert "printed" not in done.out and done.err.count("printed") == 4  # what a command prints is talk


def test_a_tracker_is_watched_while_it_runs() -> None:
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session())
        outbox.emit(sample.person("ann", time=0.5, label="anger"))
        process = start("watch", "label == anger for .4s", publisher.endpoint, "--json")
        assert process.stdout is not None
        with heartbeats(outbox):  # at session time 1
            line = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert (line["event"], line["person"], line["time"]) == ("raised", "ann", 0.9)
    assert process.returncode == 128 + signal.SIGTERM and "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("anger > .6 fur 3s",), "is wrong at letter 12, 'fur'"),
        (("anger > .6", "nowhere.jsonl"), "There is no recording nowhere.jsonl."),
        (("anger > .6", "tcp://nowhere"), "is not an address"),
        (("anger > .6", "--clear", "joy >"), "'joy >' is wrong at letter 6"),
        (("anger > .6", "--exec", "/no/such/program"), "is no program that can be started here."),
        (("anger > .6", "--webhook", "http://example.org/x"), "write https://, or say --insecure."),
        (("anger > .6", "--session", "x"), "--session is for a recording"),
    ],
)
def test_what_cannot_be_watched_is_one_sentence(
    arguments: tuple[str, ...],
    said: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = emotrack(capfd, monkeypatch, "watch", *arguments)
    assert done.code == 2 and done.out == "" and len(done.sentences) == 1
    assert said in done.err
