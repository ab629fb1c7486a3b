"""`emotrack replay` and `emotrack monitor RECORDING`: whole commands on a recording."""

import re
import signal
from pathlib import Path

import pytest

from emotrack.stream.wire.client.subscription import subscribe
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import emotrack, start
from helpers.sessions.wire import emit_all


@pytest.fixture(params=["jsonl", "mcap"])
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A conversation of two people, recorded in each form."""
    path = tmp_path / f"session.{request.param}"
    outbox = Outbox("kitchen-1", [Recorder(path)])
    emit_all(outbox, sample.conversation())
    outbox.close()
    return path


def test_a_subscriber_of_the_command_gets_the_recording(recording: Path) -> None:
    process = start("replay", str(recording), "--publish", "tcp://127.0.0.1:0", "--speed", "20")
    try:
        assert process.stderr is not None
        sentence = process.stderr.readline()
        endpoint = re.search(r"publishing at (tcp://\S+);", sentence)
        assert endpoint, sentence
        with subscribe(endpoint[1], since=0, timeout=20) as subscription:
            assert [subscription.receive().seq for _ in range(40)] == list(range(1, 41))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out.splitlines()[0] == "session kitchen-1 started" and "joy 35%" in out


def test_the_whole_of_it_is_shown_at_once_where_that_is_wanted(recording: Path) -> None:
    process = start("replay", str(recording), "--publish", "tcp://127.0.0.1:0", "--fast")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "They said yes! I start on Monday" in out


def test_the_monitor_plays_it(
    recording: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = emotrack(capfd, monkeypatch, "monitor", str(recording), "--plain", "--speed", "10000")
    assert (done.code, done.err) == (0, "")
    assert "They said yes! I start on Monday" in done.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("replay", "/nowhere"), "There is no recording /nowhere."),
        (("monitor", "/nowhere"), "There is no recording /nowhere."),
        (("replay", "FILE", "--speed", "0"), "--speed 0 is no speed: take 2 for twice as fast, or --fast."),
        (
            ("replay", "FILE", "--speed", "nan"),
            "--speed nan is no speed: take 2 for twice as fast, or --fast.",
        ),
        (
            ("replay", "FILE", "--publish", "none"),
            "--publish none leaves nothing to do: `emotrack monitor RECORDING` shows it alone.",
        ),
        (("replay", "FILE", "--session", "other"), "FILE holds no session other."),
    ],
)
def test_what_cannot_be_played_is_one_sentence(
    recording: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    done = emotrack(capfd, monkeypatch, *(str(recording) if one == "FILE" else one for one in arguments))
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == f"emotrack: {sentence.replace('FILE', str(recording))}"
