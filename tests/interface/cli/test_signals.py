"""A running tracker in a process of its own: signals end it in order, a closed pipe ends it quietly."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emotrack.demo import clip_path
from emotrack.demo.render import LINES
from helpers.sessions.commands import start

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def tracker() -> Iterator["subprocess.Popen[str]"]:
    """The clip at its own pace, its messages on stdout."""
    process = start("run", str(clip_path()), "--publish", "none", "--jsonl", "-")
    yield process
    process.kill()
    process.communicate()


def messages_until(process: "subprocess.Popen[str]", kind: str) -> list[dict[str, Any]]:
    """Read messages up to the first of this kind."""
    assert process.stdout is not None
    messages = []
    for line in process.stdout:
        messages.append(json.loads(line))
        if messages[-1]["type"] == kind:
            return messages
    raise AssertionError(f"no {kind} came")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_mid_utterance_publishes_it_and_ends(
    tracker: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    partial = messages_until(tracker, "emotion")[-1]
    assert partial["state"] == "partial" and abs(partial["start"] - LINES[0].start) < 0.5
    began = time.monotonic()
    tracker.send_signal(number)
    out, err = tracker.communicate(timeout=30)
    took = time.monotonic() - began
    rest = [json.loads(line) for line in out.splitlines()]
    labels = [partial, *(m for m in rest if m["type"] == "emotion")]
    begun, labelled = (
        {m["utterance"] for m in labels if m["state"] == state} for state in ("partial", "final")
    )
    assert labelled >= begun and len(labelled) < len(LINES)  # nothing that came after the signal
    assert rest[-1]["type"] == "session" and rest[-1]["state"] == "ended" and rest[-1]["reason"] == "stopped"
    ended = (rest[-1]["published_unix_ns"] - partial["published_unix_ns"]) / 1e9
    assert (
        ended < 15 and took < 30
    )  # how long exactly is asked within one process: machines of tests are slow
    assert tracker.returncode == 0
    assert "Traceback" not in err


def test_a_reader_that_leaves_ends_the_session(tracker: "subprocess.Popen[str]") -> None:
    assert tracker.stdout is not None and tracker.stderr is not None
    tracker.stdout.readline()
    tracker.stdout.close()
    assert tracker.wait(timeout=60) == 0
    assert "Traceback" not in tracker.stderr.read()
    tracker.stdout = None


def test_a_start_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    process = start("run", str(clip_path()), "--publish", "none", "--jsonl", str(path))
    assert process.stderr is not None
    assert "loading the networks" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + signal.SIGTERM, ""), err
    assert "Traceback" not in err and not path.exists()
