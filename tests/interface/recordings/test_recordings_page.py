"""What docs/recordings.md shows works as it stands there."""

import contextlib
import io
from pathlib import Path

import pytest

from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from helpers.pages import ROOT, blocks
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all


def test_a_recording_is_read_as_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calls").mkdir()
    outbox = Outbox("s1", [Recorder(tmp_path / "calls" / "s1.mcap")])
    emit_all(outbox, sample.conversation())
    outbox.close()
    monkeypatch.chdir(tmp_path)
    (program,) = blocks(ROOT / "docs" / "recordings.md", "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "docs/recordings.md", "exec"), {})
    assert "  98.2 spk1: joy They said yes! I start on Monday, can you believe it?" in printed.getvalue()
