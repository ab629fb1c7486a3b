"""What docs/report.md tells people to type does what it says. The sessions that it tracks first are written
down here: that a session can be recorded is shown where sessions are."""

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from emotrack.stream.views.report import pdf
from emotrack.stream.views.report.wording import KEPT
from emotrack.stream.wire.protocol.messages import Emotion
from helpers.pages import ROOT, blocks
from helpers.recordings.recorded import evening, recording_of
from helpers.sessions.commands import emotrack

PAGE = ROOT / "docs/report.md"
PRINTED = 150_000
"""Bytes of a picture in the documentation at most."""


def test_every_command_of_the_page_works(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    without_words = [
        msgspec.structs.replace(one, label="neutral") if isinstance(one, Emotion) else one
        for one in evening()
    ]
    tracked = {"talk.jsonl": evening(), "wordless.jsonl": without_words}
    prints = find_spec("weasyprint") is not None or any(map(shutil.which, pdf.BROWSERS))
    shown = ""
    for command in "".join(blocks(PAGE, "sh")).splitlines():
        program, *words = shlex.split(command)
        assert program == "emotrack"
        if words[0] == "run":
            recording_of(tmp_path / words[-1], *tracked.pop(words[-1]))
            continue
        if words[-1].endswith(".pdf") and not prints:
            continue
        done = emotrack(capfd, monkeypatch, *words)
        assert done.code == 0, (command, done.err)
        shown += done.out
        made = [word for word in words if Path(word).suffix in (".html", ".pdf", ".json", ".jsonl")]
        assert all((tmp_path / word).stat().st_size for word in made), command
    (output,) = blocks(PAGE, "")
    told, printed = (
        [
            re.sub(r"\b[0-9a-f]{12,64}…?|\d+ min \d+|[+−]?\b[\d.]*\d", "N", line)
            for line in text.replace(KEPT, " ").splitlines()
        ]
        for text in (output, shown)
    )
    assert not tracked and told and set(told[:2]) <= set(printed), shown


def test_its_picture_is_small() -> None:
    assert (ROOT / "docs/pictures/report.png").stat().st_size < PRINTED
