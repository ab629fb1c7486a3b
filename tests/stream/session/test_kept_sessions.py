"""`emotrack run --resume`: killed without warning and started again, as a supervisor does it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emotrack.demo import clip_path
from helpers.sessions.commands import Outcome, emotrack, start

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture(autouse=True)
def states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sessions are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "emotrack" / "sessions"


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: emotrack(capfd, monkeypatch, "run", *arguments, "--publish", "none")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def finished(messages: list[dict[str, Any]]) -> dict[tuple[int, str, int], tuple[Any, ...]]:
    return {
        (one["utterance"], one["state"], one["revision"]): (one["label"], one["scores"], one["speaker"])
        for one in messages
        if one["type"] == "emotion" and one["state"] != "partial"
    }


def test_killed_and_started_again_it_says_what_it_would_have_said(
    run: Run, tmp_path: Path, states: Path
) -> None:
    command = ["--fast", str(clip_path()), "--jsonl"]
    outcome = run(*command, str(tmp_path / "whole.jsonl"))
    assert outcome.code == 0, outcome.err
    whole = lines(tmp_path / "whole.jsonl")
    path = tmp_path / "parts.jsonl"
    command += [str(path), "--resume", "kitchen"]
    for count in (len(whole) // 3, len(whole) * 3 // 4):
        process = start("run", *command, "--publish", "none")
        try:
            wait_for(process, path, count)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        with path.open("ab") as file:
            file.write(b'{"type":"torn')
    last = run(*command)
    assert last.code == 0, last.err
    assert "going on with the session kitchen: the " in last.err
    messages = lines(path)
    assert finished(messages) == finished(whole)
    assert [one["seq"] for one in messages] == list(range(1, len(messages) + 1))
    assert {one["session"] for one in messages} == {"kitchen"}
    assert [one["reason"] for one in messages if one["type"] == "session"] == [
        None,
        "resumed",
        "resumed",
        "sources ended",
    ]
    assert os.listdir(states / "kitchen") == [".lock"]


def wait_for(process: "subprocess.Popen[str]", path: Path, count: int) -> None:
    """Wait until so many messages are written."""
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def test_what_cannot_be_kept_is_told_at_once(run: Run, tmp_path: Path) -> None:
    paced = run(str(clip_path()), "--resume", "kitchen")
    assert paced.code == 2 and "take --fast, or live sources alone, or leave out --resume" in paced.err
    unnamed = run("--fast", str(clip_path()), "--resume", "a b")
    assert unnamed.code == 2 and "A session cannot be named 'a b'" in unnamed.err
    policy = tmp_path / "policy.yaml"
    policy.write_text("records: false\n")
    refused = run("--fast", str(clip_path()), "--policy", str(policy), "--resume", "kitchen")
    assert refused.code == 2 and "leave out --resume" in refused.err


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def test_a_service_manager_is_told_that_it_lives(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    process = start("run", str(clip_path()), "--publish", "none", "--modalities", "audio")
    try:
        assert manager.recv(100).startswith(b"READY=1\nSTATUS=session s")
        for _ in range(2):
            assert manager.recv(100) == b"WATCHDOG=1"
        process.send_signal(signal.SIGTERM)
        while (word := manager.recv(100)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1"
    finally:
        process.kill()
        process.communicate(timeout=60)
