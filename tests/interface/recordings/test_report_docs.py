"""What docs/report.md tells people to type does what it says, on the clip that comes with the package."""

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from emotrack.demo import clip_path
from emotrack.stream.views.report import pdf
from helpers.sessions.commands import emotrack
from helpers.sessions.pages import ROOT, blocks

PAGE = ROOT / "docs/report.md"
PRINTED = 150_000
"""Bytes of a picture in the documentation at most."""


def test_every_command_of_the_page_works(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip_path(), "talk.mp4")
    prints = find_spec("weasyprint") is not None or any(map(shutil.which, pdf.BROWSERS))
    shown = ""
    for command in "".join(blocks(PAGE, "sh")).splitlines():
        program, *words = shlex.split(command)
        assert program == "emotrack"
        if words[-1].endswith(".pdf") and not prints:
            continue
        done = emotrack(capfd, monkeypatch, *words)
        assert done.code == 0, (command, done.err)
        shown += done.out
        made = [word for word in words if Path(word).suffix in (".html", ".pdf", ".json", ".jsonl")]
        assert all((tmp_path / word).stat().st_size for word in made), command
    (output,) = blocks(PAGE, "")
    told, printed = (
        [re.sub(r"\b[0-9a-f]{12}\b|[+−]?\b[\d.]*\d", "N", line) for line in text.splitlines()]
        for text in (output, shown)
    )
    assert told and set(told[:2]) <= set(printed), shown


def test_its_picture_is_small() -> None:
    assert (ROOT / "docs/pictures/report.png").stat().st_size < PRINTED
