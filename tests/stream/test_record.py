"""The recording: one line a message as published, and what happens when it can no longer be written."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from emotrack.model.errors import UserError
from emotrack.stream.messages import Error, decode
from emotrack.stream.wire.outbox import Listener, Outbox
from emotrack.stream.wire.record import Recorder
from helpers import sample_messages as sample
from helpers.wire import emit_all


def test_every_message_is_one_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    outbox = Outbox("s1", [Recorder(path)])
    sent = emit_all(outbox, sample.conversation())
    assert [decode(line) for line in path.read_bytes().splitlines()] == sent  # before it is closed
    outbox.close()
    assert path.read_bytes().endswith(b"}\n")


def test_line_breaks_in_what_was_said_stay_inside_their_line(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    outbox = Outbox("s1", [Recorder(path)])
    outbox.emit(sample.emotion(transcript=sample.said("one\ntwo\r\u2028three")))
    outbox.close()
    assert path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("target", ["no/such/folder/file.jsonl", "."])
def test_a_path_that_cannot_be_written_is_one_sentence(tmp_path: Path, target: str) -> None:
    with pytest.raises(UserError, match=r"Nothing can be recorded to .*: .*\.$"):
        Recorder(tmp_path / target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk_is_said_once_and_tracking_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    outbox = Outbox("s1", [Recorder("/dev/full"), listener])
    emit_all(outbox, [sample.emotion()] * 3)
    outbox.close()
    said = [message for message in listener if isinstance(message, Error)]
    assert [(each.message, each.continues) for each in said] == [
        ("Recording to /dev/full has stopped: No space left on device.", True)
    ]
    assert len(caplog.messages) == 1


def test_a_reader_that_leaves_ends_the_session_cleanly() -> None:
    script = textwrap.dedent("""
        import sys, threading
        from helpers import sample_messages as sample
        from emotrack.stream.wire.outbox import Outbox
        from emotrack.stream.wire.record import Recorder
        stop = threading.Event()
        outbox = Outbox("s1", [Recorder("-")], request_stop=stop.set)
        for _ in range(100_000):
            outbox.emit(sample.emotion())
            if stop.is_set():
                outbox.close()
                sys.exit(0)
        sys.exit(3)
    """)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        assert decode(process.stdout.readline()).seq == 1
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read().decode().splitlines() == ["Nobody reads standard output any more."]
