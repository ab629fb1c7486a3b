"""What is said on stderr: whole and in order where somebody listens, and waited for by nobody where nobody
does."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.cli.aside import BYTES, Aside
from emotrack.cli.terminal import StandardError
from emotrack.demo import clip_path
from helpers.sessions.commands import as_a_terminal_starts_it, full_pipe

QUICK = (
    *("--publish", "none", "--modalities", "audio", "--set=engines.text=none", "--set=engines.face=none"),
    "--set=stream.transcription.recogniser=none",
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=5_000), max_size=30))
def test_what_is_said_arrives_whole_and_in_order(pieces: list[bytes]) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as reader, open(writing, "wb", buffering=0) as target:
        heard: list[bytes] = []
        listening = threading.Thread(target=lambda: heard.append(reader.read()))
        listening.start()
        aside = Aside(target)
        for piece in pieces:
            assert aside.write(piece) == len(piece)
        aside.finish()
        target.close()
        listening.join(30)
    assert heard == [b"".join(pieces)]


def test_a_descriptor_that_does_not_wait_gets_all_of_it_too() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    said = os.urandom(BYTES // 2)  # more than a pipe holds
    with open(reading, "rb") as reader, open(writing, "wb", buffering=0) as target:
        aside = Aside(target)
        aside.write(said)
        assert reader.read(len(said)) == said
        aside.finish()


def test_who_talks_to_nobody_waits_for_nothing_and_the_end_for_little() -> None:
    with full_pipe() as (reading, writing), open(writing, "wb", buffering=0, closefd=False) as target:
        aside = Aside(target)
        began = time.monotonic()
        for _ in range(3 * BYTES // 1_000):
            aside.write(b"x" * 1_000)
        assert aside._waiting.size <= BYTES + 1_000
        aside.finish()
        assert time.monotonic() - began < 10.0
        os.read(reading, 1 << 20)  # its thread goes on, and ends
        while any(thread.name == "talk" for thread in threading.enumerate()):
            assert time.monotonic() - began < 30.0
            time.sleep(0.01)


def test_a_child_says_its_own_words() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as reader, open(writing, "wb", buffering=0) as target:
        talk = StandardError(target, encoding="utf-8")
        talk.write("from the parent\n")
        talk.finish()
        if (child := os.fork()) == 0:
            print("from the child", file=talk)
            os._exit(0)
        os.waitpid(child, 0)
        target.close()
        assert reader.read() == b"from the parent\nfrom the child\n"
        talk.detach()


def test_what_cannot_be_written_is_lost_and_nothing_fails() -> None:
    closed = io.BytesIO()
    for target in (closed, open(os.devnull, "rb", buffering=0)):  # noqa: SIM115
        talk = StandardError(target, encoding="ascii", errors="replace")
        closed.close()
        assert talk.write("é\n") == 2
        talk.flush()
        talk.finish()
        talk.detach()
        target.close()


def said_to_nobody(*command: str) -> "subprocess.Popen[bytes]":
    """A command whose stderr is a pipe that is full from the start and never read."""
    with full_pipe() as (reading, writing):
        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=writing,
            preexec_fn=as_a_terminal_starts_it,
            pass_fds=(reading,),  # so that the pipe has a reader for as long as the process lives
        )


BUG = """
import sys, warnings
from unittest.mock import patch
from emotrack.cli.__main__ import process
def fail(*_, **__):
    warnings.warn("this will change")
    raise RuntimeError("a bug")
sys.argv = ["emotrack", "run", "/nowhere.mp4"]
with patch("emotrack.stream.sources.open.open_sources", fail):
    process()
"""
EMOTRACK = (sys.executable, "-m", "emotrack.cli")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ((*EMOTRACK, "run", "--nonsense"), 2),
        ((*EMOTRACK, "run", "/nowhere.mp4"), 2),
        ((*EMOTRACK, "doctor", "/nowhere"), 2),
        ((*EMOTRACK, "explain", "/nowhere", "--utterance", "1"), 2),
        ((*EMOTRACK, "keys", "/dev/null/keys"), 2),
        ((sys.executable, "-c", BUG), 1),
    ],
    ids=["usage", "run", "doctor", "explain", "keys", "bug"],
)
def test_a_command_ends_whoever_listens(command: tuple[str, ...], code: int) -> None:
    with said_to_nobody(*command) as process:
        try:
            assert process.wait(60) == code
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_session_is_ended_in_order_whoever_listens(tmp_path: Path, number: int) -> None:
    record = tmp_path / "session.jsonl"
    with said_to_nobody(*EMOTRACK, "run", *QUICK, "--jsonl", str(record), str(clip_path())) as process:
        try:
            deadline = time.monotonic() + 240  # networks may have to be compiled
            while not record.exists() or b'"feed"' not in record.read_bytes():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(number)
            assert process.wait(30) == 0
        finally:
            process.kill()
    last: dict[str, Any] = json.loads(record.read_bytes().splitlines()[-1])
    assert (last["type"], last["state"], last["reason"]) == ("session", "ended", "stopped")
