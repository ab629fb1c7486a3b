"""`emotrack export` as users meet it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emotrack.cli.recordings.export import NAMES
from emotrack.stream.wire.exports.formats import FORMATS
from emotrack.stream.wire.recordings.conversation import read_conversation
from helpers.recordings.conversations import awkward_messages, published, recorded
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import Outcome, emotrack

Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: emotrack(capfd, monkeypatch, "export", *map(str, arguments))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    (path := tmp_path / "talk.jsonl").write_bytes(recorded(awkward_messages()))
    return path


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2 and outcome.out == "", outcome
    (sentence,) = outcome.sentences
    assert sentence.endswith(".") and not [word for word in words if word not in sentence], sentence


def test_the_help_lists_every_format() -> None:
    assert tuple(FORMATS) == NAMES


@pytest.mark.parametrize("name", FORMATS)
def test_files_stand_beside_the_recording(name: str, run: Run, recording: Path) -> None:
    outcome = run(recording, "--to", name)
    assert (outcome.code, outcome.out) == (0, ""), outcome
    made = {path for path in recording.parent.iterdir() if path != recording}
    assert made and all(path.name.startswith("talk") and str(path) in outcome.err for path in made)
    assert any(path.name.endswith(FORMATS[name].suffix) for path in made)


def test_of_a_folder_they_stand_in_it_and_are_called_as_the_session_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records/2026.jsonl").write_bytes(recorded(awkward_messages()))
    assert run(tmp_path / "records", "--to", "csv").code == 0
    assert (tmp_path / "records/kitchen-1.csv").is_file()


def test_one_of_several_sessions_is_named(run: Run, recording: Path) -> None:
    with recording.open("ab") as file:
        file.write(recorded(published([sample.session(), sample.emotion(1)], "later")))
    refused(run(recording, "--to", "csv"), "holds 2 sessions", "--session")
    refused(run(recording, "--to", "csv", "--session", "../x"), "holds no session ../x")
    assert run(recording, "--to", "csv", "--session", "later").code == 0
    assert b"later" in recording.with_name("talk.later.csv").read_bytes()


def test_a_path_a_folder_or_standard_output_may_be_named(run: Run, recording: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert run(recording, "--to", "srt", "--out", tmp_path / "there").code == 0
    assert run(recording, "--to", "srt", "--out", tmp_path / "own.srt").code == 0
    assert run(recording, "--to", "srt", "--out", tmp_path / "there/.srt").code == 0
    assert (tmp_path / "there/.srt").is_file()
    shown = run(recording, "--to", "srt", "--out", "-")
    assert (shown.code, shown.err) == (0, "")
    assert (
        shown.out
        == (tmp_path / "there/talk.srt").read_text("utf-8")
        == (tmp_path / "own.srt").read_text("utf-8")
    )


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.one_text])
def test_standard_output_has_what_the_file_has_whatever_the_locale_is(name: str, recording: Path) -> None:
    (path,) = FORMATS[name].write(read_conversation(recording), recording.with_name("file"))
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "emotrack.cli", "export", str(recording), "--to", name, "--out", "-"]
    done = subprocess.run(command, env={**os.environ, **old}, capture_output=True, check=True)
    assert done.stdout == path.read_bytes()


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if not form.one_text])
def test_several_files_do_not_go_to_standard_output(name: str, run: Run, recording: Path) -> None:
    refused(run(recording, "--to", name, "--out", "-"), f"The format {name} is not one file of text", "--out")


def test_what_cannot_be_done_is_one_sentence(run: Run, recording: Path, tmp_path: Path) -> None:
    refused(run(recording, "--to", "docx"), "no format docx", "vtt, srt")
    refused(run(tmp_path / "gone.jsonl", "--to", "csv"), "There is no recording")
    refused(run(recording, "--to", "csv", "--out", tmp_path / "no/such/place"), "cannot be written", "--out")
    assert run(recording, "--to", "csv").code == 0
    refused(
        run(recording, "--to", "csv"), "talk.csv is there already: remove it, or give another path by --out"
    )


def test_of_a_recording_that_breaks_off_in_a_line_all_before_is_exported(run: Run, recording: Path) -> None:
    lines = recording.read_bytes().splitlines(keepends=True)
    recording.write_bytes(b"".join(lines[:5]) + lines[5][:40])
    assert run(recording, "--to", "csv", "--out", "-").out.count("kitchen-1") == 1
