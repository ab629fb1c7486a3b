"""The recording: each message as published, and what happens when it can no longer be written."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.messages import Error
from emotrack.stream.wire.publish.mcap import MAGIC
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import Listener
from emotrack.stream.wire.publish.zeromq.publisher import open_recorder
from emotrack.stream.wire.recordings.reading import read_file
from helpers.sessions import sample_messages as sample
from helpers.sessions.disks import disk_with_room_for
from helpers.sessions.wire import emit_all

FORMS = ("jsonl", "mcap")


@pytest.fixture(params=FORMS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A recording of each form."""
    return tmp_path / f"messages.{request.param}"


def test_every_message_is_there_at_once(path: Path) -> None:
    outbox = Outbox("s1", [Recorder(path)])
    sent = emit_all(outbox, sample.conversation())
    assert list(read_file(path)) == sent  # before it is closed
    outbox.close()
    assert list(read_file(path)) == sent


def test_messages_are_lines(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    outbox = Outbox("s1", [Recorder(path)])
    sent = emit_all(outbox, sample.conversation())
    outbox.close()
    assert [decode(line) for line in path.read_bytes().splitlines()] == sent
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


def test_nothing_is_touched_before_the_first_message(tmp_path: Path) -> None:
    earlier, fresh = tmp_path / "earlier.jsonl", tmp_path / "fresh.jsonl"
    earlier.write_bytes(b'{"type":"session"}\n{"type":"emo')
    for path in (earlier, fresh):
        Recorder(path).close()
    assert earlier.read_bytes() == b'{"type":"session"}\n{"type":"emo'
    assert not fresh.exists()


@pytest.mark.parametrize(
    "torn", [b"", b'{"type":"emotion","la', b'{"type":"' + b"x" * 200_000, b"\0" * 4_096]
)
def test_a_recording_is_added_to_behind_its_last_whole_message(path: Path, torn: bytes) -> None:
    outbox = Outbox("s1", [Recorder(path)])
    first = emit_all(outbox, sample.conversation()[:3])
    outbox.close()
    with path.open("ab") as file:
        file.write(torn)
    outbox = Outbox("s2", [Recorder(path)])
    second = emit_all(outbox, sample.conversation()[:3])
    outbox.close()
    assert list(read_file(path)) == first + second


@pytest.mark.parametrize(("form", "torn"), [("jsonl", b'{"ty'), ("mcap", MAGIC[:5]), ("mcap", MAGIC + b"\1")])
def test_what_holds_no_whole_message_is_begun_anew(tmp_path: Path, form: str, torn: bytes) -> None:
    path = tmp_path / f"messages.{form}"
    path.write_bytes(torn)
    outbox = Outbox("s1", [Recorder(path)])
    sent = outbox.emit(sample.session())
    outbox.close()
    assert list(read_file(path)) == [sent]


@pytest.mark.parametrize("name", ["interview.mp4", "interview.mcap"])
def test_a_file_that_is_no_recording_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    film = tmp_path / name
    film.write_bytes(b"\x00\x00\x00\x18ftypmp42")
    with pytest.raises(UserError, match=r"interview\.\w+ exists and is no recording: name another file\.$"):
        Recorder(film)
    assert film.read_bytes() == b"\x00\x00\x00\x18ftypmp42"


def test_only_the_owner_may_read_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "s1.mcap"
    outbox = Outbox("s1", [open_recorder(path.parent, "s1")])
    outbox.emit(sample.emotion())
    outbox.close()
    assert [each.stat().st_mode & 0o777 for each in (path.parent, path)] == [0o700, 0o600]


def test_a_disk_that_is_full_for_a_while_costs_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    outbox = Outbox("s1", [Recorder(path), listener])
    outbox.emit(sample.session())
    whole = path.stat().st_size
    with disk_with_room_for(whole + 100):  # half of the next line
        emit_all(outbox, [sample.emotion()] * 3)
        assert path.stat().st_size == whole + 100
    outbox.emit(sample.emotion())
    outbox.close()
    sent = list(listener)
    assert list(read_file(path)) == sent
    (told,) = (message for message in sent if isinstance(message, Error))
    assert told.message == f"Recording to {path} waits: File too large."
    assert caplog.messages == [told.message, f"Recording to {path} goes on; nothing is missing."]
    assert outbox.incomplete == ()


def test_a_disk_that_stays_full_leaves_whole_messages_and_is_told(path: Path) -> None:
    outbox = Outbox("s1", [Recorder(path), Listener()])
    first = outbox.emit(sample.session())
    with disk_with_room_for(path.stat().st_size + 100):
        emit_all(outbox, [sample.emotion()] * 3)
        outbox.close()
    assert list(read_file(path)) == [first]
    assert outbox.incomplete == (
        f"Recording to {path} lacks the last 4 messages: File too large.",
    )  # three, and that it waits


def test_a_disk_that_is_full_for_too_long_ends_the_recording(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrack.stream.wire.publish.recording.HELD", 5_000)
    outbox = Outbox("s1", [Recorder(path), Listener()])
    first = outbox.emit(sample.session())
    with disk_with_room_for(path.stat().st_size + 100):
        emit_all(outbox, [sample.emotion()] * 10)
    outbox.emit(sample.emotion())
    outbox.close()
    assert list(read_file(path)) == [first]
    assert outbox.incomplete == (f"Recording to {path} has stopped: File too large.",)


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk"
)
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
        from helpers.sessions import sample_messages as sample
        from emotrack.stream.wire.publish.outbox import Outbox
        from emotrack.stream.wire.publish.recording import Recorder
        stop = threading.Event()
        outbox = Outbox("s1", [Recorder("-")], request_stop=stop.set)
        for _ in range(100_000):
            outbox.emit(sample.emotion())
            if stop.is_set():
                outbox.close()
                sys.exit(0)
        sys.exit(3)
    """)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert decode(process.stdout.readline()).seq == 1
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read().decode().splitlines() == ["Nobody reads standard output any more."]
