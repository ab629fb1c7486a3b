"""`emotrack run` from its options to its last word."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.learning.corpora import write_wav
from helpers.sessions.commands import emotrack


def test_named_participants_apart_and_what_is_said_where_there_was_nothing_to_label(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    quiet, record = tmp_path / "quiet.wav", tmp_path / "session.jsonl"
    write_wav(quiet, np.random.default_rng(0).normal(0, 1e-3, 32_000))
    sources = (f"alice={quiet}", f"bob={quiet}")
    told = emotrack(
        capfd, monkeypatch, "run", "--fast", "--apart", "--publish", "none", "--jsonl", str(record), *sources
    )
    assert told.code == 0
    assert told.sentences[-1] == "emotrack: " + " ".join(
        f"no label of {name}: no speech in 2 s of sound." for name in ("alice", "bob")
    )
    messages = [json.loads(line) for line in record.read_text().splitlines()]
    assert [feed["source"] for feed in messages[0]["feeds"]] == ["alice", "bob"]
    assert {message["source"] for message in messages if message["type"] == "feed"} == {"alice", "bob"}
