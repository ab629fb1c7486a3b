"""`emotrack compare` as people use it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.recordings.recorded import evening, recording_of
from helpers.sessions.commands import Outcome, emotrack

Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    recording_of(tmp_path / "first.jsonl", *evening())
    recording_of(tmp_path / "second.jsonl", *evening()[:-40], name="kitchen-2")
    return lambda *words: emotrack(capfd, monkeypatch, *map(str, words))


def test_two_recordings_are_printed_beside_each_other(run: Run) -> None:
    done = run("compare", "first.jsonl", "second.jsonl")
    assert done.code == 0 and done.err == ""
    assert "Two accounts of the same media" in done.out and "speaking time" in done.out


def test_json_takes_the_place_of_the_text(run: Run, tmp_path: Path) -> None:
    done = run("compare", "first.jsonl", "second.jsonl", "--json", "-")
    assert json.loads(done.out)["same_media"] is True
    assert run("compare", "first.jsonl", "second.jsonl", "--json", "found.json").code == 0
    assert json.loads((tmp_path / "found.json").read_text("utf-8")) == json.loads(done.out)


def test_a_page_is_written_beside_it(run: Run, tmp_path: Path) -> None:
    done = run("compare", "first.jsonl", "second.jsonl", "--out", "found.html")
    assert done.code == 0 and done.sentences == ["emotrack: wrote found.html."]
    assert "Two sessions beside each other" in (tmp_path / "found.html").read_text("utf-8")


def test_sessions_are_chosen_in_order(run: Run, tmp_path: Path) -> None:
    done = run(
        "compare", tmp_path, tmp_path, "--session", "kitchen-1", "--session", "kitchen-2", "--json", "-"
    )
    assert [one["session"] for one in json.loads(done.out)["sessions"]] == ["kitchen-1", "kitchen-2"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["first.jsonl", "nowhere"], "There is no recording nowhere."),
        (["first.jsonl", "second.jsonl", "--out", "found.pdf"], "give --out FILE.html, not found.pdf."),
        (["first.jsonl", "second.jsonl", "--json", "first.jsonl"], "or give another path by --json."),
        (["first.jsonl", "second.jsonl", *["--session", "a"] * 3], "give --session at most twice."),
    ],
)
def test_what_can_be_mended_is_one_sentence(run: Run, words: list[str], sentence: str) -> None:
    done = run("compare", *words)
    assert done.code == 2 and len(done.sentences) == 1 and sentence in done.sentences[0]
