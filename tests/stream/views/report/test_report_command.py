"""`emotrack report` as people use it."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from emotrack.model.bundle import default_directory
from emotrack.model.manifest import parse_manifest
from emotrack.stream.views.report import pdf
from emotrack.stream.wire.protocol.parts import ModelInfo
from helpers.recordings.recorded import evening, recording_of
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import Outcome, emotrack

Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *words: emotrack(capfd, monkeypatch, *map(str, words))


def test_a_recording_becomes_a_page_for_its_owner_only(run: Run, tmp_path: Path) -> None:
    recording_of(tmp_path / "talk.jsonl", *evening())
    done = run("report", "talk.jsonl", "--out", "report.html")
    assert done.code == 0 and done.out == "" and done.sentences == ["emotrack: wrote report.html."]
    assert "<h1>" in (tmp_path / "report.html").read_text("utf-8")
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o600


def test_without_a_name_it_is_the_sessions(run: Run, tmp_path: Path) -> None:
    recording_of(tmp_path / "talk.jsonl", *evening())
    assert run("report", tmp_path).code == 0
    assert (tmp_path / "kitchen-1.html").is_file()


def test_labels_of_the_bundle_that_is_here_come_with_their_worth(run: Run, tmp_path: Path) -> None:
    path = default_directory() / "bundle.json"
    here = ModelInfo(id="AM2-EmoJE", hash=parse_manifest(path.read_bytes(), path).identifier)
    recording_of(tmp_path / "ours.jsonl", sample.session(model=here), *evening()[1:])
    recording_of(tmp_path / "theirs.jsonl", *evening())
    assert run("report", "ours.jsonl", "--out", "ours.html").code == 0
    assert run("report", "theirs.jsonl", "--out", "theirs.html").code == 0
    assert "of 100 were labelled as people had labelled them" in (tmp_path / "ours.html").read_text("utf-8")
    assert "whose figures this installation does not have" in (tmp_path / "theirs.html").read_text("utf-8")


def test_a_file_that_is_there_stays(run: Run, tmp_path: Path) -> None:
    recording_of(tmp_path / "talk.jsonl", *evening())
    (tmp_path / "report.html").write_text("mine")
    done = run("report", "talk.jsonl", "--out", "report.html")
    assert done.code == 2
    assert done.sentences == [
        "emotrack: report.html is there already: remove it, or give another path by --out."
    ]
    assert (tmp_path / "report.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.jsonl"], "There is no recording nowhere.jsonl."),
        (["talk.jsonl", "--out", "report.doc"], "give --out FILE.html or FILE.pdf, not report.doc."),
        (
            ["talk.jsonl", "--out", "no/where.html"],
            "(No such file or directory): give another path by --out.",
        ),
        (["talk.jsonl", "--session", "other"], "talk.jsonl holds no session other."),
        (["two"], "name one by --session"),
    ],
)
def test_what_can_be_mended_is_one_sentence(
    run: Run, tmp_path: Path, words: list[str], sentence: str
) -> None:
    recording_of(tmp_path / "talk.jsonl", *evening())
    (tmp_path / "two").mkdir()
    for name in ("a", "b"):
        recording_of(tmp_path / "two" / f"{name}.jsonl", *evening(), name=name)
    done = run("report", *words)
    assert done.code == 2 and len(done.sentences) == 1 and sentence in done.sentences[0]


def test_one_of_several_sessions_is_chosen_by_name(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        recording_of(tmp_path / f"{name}.jsonl", *evening(), name=name)
    assert run("report", tmp_path, "--session", "b").code == 0
    assert "Session b" in (tmp_path / "b.html").read_text("utf-8")


@pytest.mark.skipif(not any(map(shutil.which, pdf.BROWSERS)), reason="no Chromium or Chrome is installed")
def test_a_name_that_ends_in_pdf_gives_one(run: Run, tmp_path: Path) -> None:
    recording_of(tmp_path / "talk.jsonl", *evening())
    done = run("report", "talk.jsonl", "--out", "report.pdf")
    assert done.code == 0 and done.sentences == ["emotrack: wrote report.pdf."]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert stat.S_IMODE((tmp_path / "report.pdf").stat().st_mode) == 0o600
