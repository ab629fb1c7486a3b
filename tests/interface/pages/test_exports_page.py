"""The page on exports: its commands make the files that it names, and its programs read them."""

import re
import shlex
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot

from helpers.pages import ROOT, blocks
from helpers.recordings.conversations import awkward_messages, recorded
from helpers.sessions.commands import emotrack

PAGE = ROOT / "docs/exports.md"
PRINTED = (
    "spk2    fear",
    "",
    "spk1  He said",
    "spk1 words 0 1500 He said",
    "00:00:00.000 emotion joy",
    "anger",
    "kitchen-1 [('spk1', 3.75), ('spk2', 2.0)]",
)
"""Part of what each program prints; the one that draws prints nothing."""


def commands() -> list[list[str]]:
    """What the page exports."""
    lines = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("emotrack export")]


@pytest.fixture
def exported(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything on the page was typed, one line after the other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.jsonl").write_bytes(recorded(awkward_messages()))
    for words in commands():
        outcome = emotrack(capfd, monkeypatch, *words)
        assert outcome.code == 0, (words, outcome)
    return tmp_path


def test_what_is_typed_makes_the_files_that_are_named(exported: Path) -> None:
    made = {path.name for path in exported.iterdir()}
    text = PAGE.read_text("utf-8")
    endings = "csv|eaf|parquet|vtt|tsv|rttm|annotation"
    named = set(re.findall(rf"\b(?:talk|lab|sub-01)[\w.-]*\.(?:{endings})\b", text))
    assert len(named) > 8 and named <= made


def test_what_is_shown_reads_them(exported: Path, capfd: pytest.CaptureFixture[str]) -> None:
    programs = blocks(PAGE, "python")
    assert len(programs) == len(PRINTED)
    with matplotlib.rc_context({"backend": "agg"}):
        for program, printed in zip(programs, PRINTED, strict=True):
            capfd.readouterr()
            exec(compile(program, str(PAGE), "exec"), {"__name__": "__main__"})
            assert printed in capfd.readouterr().out, program
        pyplot.close("all")
    assert "spk2" in (exported / "talk.svg").read_text("utf-8")
