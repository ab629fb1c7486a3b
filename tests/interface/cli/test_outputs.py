"""Outputs that fail, each in a process of its own: they are told of once, and the others hold the whole
session."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.stream.sources.media import AUDIO_RATE
from helpers.learning.corpora import write_wav
from helpers.media.speech import demo_speech
from helpers.sessions.commands import as_a_terminal_starts_it

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk"
    ),
]

QUICK = (
    "--publish",
    "none",
    "--modalities",
    "audio",
    *(f"--set=engines.{part}=none" for part in ("text", "face")),
)
QUICK += ("--set=stream.transcription.recogniser=none",)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first line of the demonstration clip."""
    path = tmp_path_factory.mktemp("speech") / "line.wav"
    write_wav(path, demo_speech()[: 5 * AUDIO_RATE], AUDIO_RATE)
    return path


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same line again and again without a pause: somebody who is still talking whenever the signal
    comes."""
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    write_wav(path, np.tile(demo_speech()[round(0.7 * AUDIO_RATE) : round(3.8 * AUDIO_RATE)], 8), AUDIO_RATE)
    return path


def redirected(
    redirections: str, *arguments: str, new_session: bool = False, **environment: str
) -> "subprocess.Popen[str]":
    """The command line with its standard streams as the shell opens or closes them."""
    command = [
        "sh",
        "-c",
        f'exec "$@" {redirections}',
        "sh",
        sys.executable,
        "-m",
        "emotrack.cli",
        *arguments,
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="latin-1",
        env=os.environ | environment,
        start_new_session=new_session,
        preexec_fn=as_a_terminal_starts_it,
    )
    STARTED.append(process)
    return process


STARTED: list["subprocess.Popen[str]"] = []
"""The processes of the test that runs."""


@pytest.fixture(autouse=True)
def ended_with_their_pipes() -> Iterator[None]:
    """Nothing that a test has started goes on after it, nor do its pipes stay open."""
    yield
    while STARTED:
        with STARTED.pop() as process:
            process.kill()


def recorded(path: Path, kind: str) -> list[dict[str, Any]]:
    return [
        message
        for line in path.read_text("utf-8").splitlines()
        if (message := json.loads(line))["type"] == kind
    ]


def finals(path: Path) -> int:
    return sum(message["state"] == "final" for message in recorded(path, "emotion"))


def in_state(messages: list[dict[str, Any]], state: str) -> set[int]:
    """The utterances with a label in this state: one with a partial label had begun, however late the signal
    came."""
    return {
        message["utterance"]
        for message in messages
        if message["type"] == "emotion" and message["state"] == state
    }


@pytest.mark.parametrize(("redirections", "told"), [(">/dev/full", 1), (">&-", 1), (">&- 2>&- <&-", 0)])
def test_without_standard_output_the_recording_is_whole(
    speech: Path, tmp_path: Path, redirections: str, told: int
) -> None:
    path = tmp_path / "messages.jsonl"
    process = redirected(redirections, "run", "--fast", *QUICK, "--jsonl", str(path), str(speech))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1  # not all that was asked for is there
    assert finals(path) == 1
    assert recorded(path, "session")[-1]["reason"] == "sources ended"
    (error,) = recorded(path, "error")
    assert (
        error["message"].startswith("Labels are no longer written to standard output: ")
        and error["continues"]
    )
    assert err.splitlines().count(f"emotrack: {error['message']}") == told
    assert "cannot be written" not in err and "Traceback" not in err  # nothing is told twice


@pytest.mark.parametrize("also", ["recording", "nothing"])
def test_a_reader_that_leaves_ends_the_lines_and_what_else_is_written_goes_on(
    speech: Path, tmp_path: Path, also: str
) -> None:
    path = tmp_path / "messages.jsonl"
    recording = ("--jsonl", str(path)) if also == "recording" else ()
    process = redirected("", "run", "--fast", *QUICK, *recording, str(speech))
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(120) == 0  # nothing is missing that anybody wanted
    left = "Nobody reads the labels on standard output any more"
    assert err.count(left) == 1 and "Traceback" not in err
    if also == "nothing":
        assert f"{left}." in err
    else:
        assert f"{left}; the other outputs go on." in err
        assert finals(path) == 1 and recorded(path, "session")[-1]["reason"] == "sources ended"


def test_letters_that_an_encoding_lacks_become_question_marks(speech: Path) -> None:
    process = redirected("2>/dev/full", "run", "--fast", *QUICK, str(speech), PYTHONIOENCODING="latin-1")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert re.search(r"^00:0\d\.\d\?00:0\d\.\d  spk1 ", out, re.MULTILINE)  # the dash between start and end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_without_standard_error_still_ends_the_open_utterance(
    talk: Path, number: signal.Signals
) -> None:
    process = redirected("2>&-", "run", *QUICK, "--jsonl", "-", str(talk))
    assert process.stdout is not None
    lines = iter(process.stdout)
    partial = next(line for line in lines if '"partial"' in line)
    process.send_signal(number)
    if number == signal.SIGHUP:
        process.send_signal(number)  # a shell and its terminal both tell
    messages = [json.loads(line) for line in (partial, *lines)]
    assert in_state(messages, "final") >= in_state(messages, "partial")
    assert (messages[-1]["type"], messages[-1]["reason"]) == ("session", "stopped")
    assert process.wait(30) == 0
    process.communicate()


def test_a_terminal_that_closes_ends_the_session_in_order(talk: Path, tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    ours, theirs = pty.openpty()
    terminal = (
        f"<>{os.ttyname(theirs)} >&0 2>&0"  # the first terminal that a new session opens becomes its own
    )
    process = redirected(terminal, "run", *QUICK, "--jsonl", str(path), str(talk), new_session=True)
    deadline = time.monotonic() + 60
    while not (path.exists() and b'"partial"' in path.read_bytes()):
        assert time.monotonic() < deadline
        if select.select([ours], [], [], 0.05)[0]:
            os.read(ours, 1 << 16)
    os.close(theirs)
    os.close(ours)
    process.communicate(timeout=60)
    labels = recorded(path, "emotion")
    assert in_state(labels, "final") >= in_state(labels, "partial") != set()
    assert recorded(path, "session")[-1]["reason"] == "stopped"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("redirections", [">/dev/full", ">&-"])
def test_a_command_whose_output_is_lost_says_so_in_one_sentence(redirections: str, unbuffered: str) -> None:
    process = redirected(redirections, "schema", PYTHONUNBUFFERED=unbuffered)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert re.fullmatch(r"emotrack: standard output cannot be written: [^\n]+\.\n", err)


def test_a_start_that_fails_leaves_the_earlier_recording_alone(speech: Path, tmp_path: Path) -> None:
    earlier, fresh = tmp_path / "earlier.jsonl", tmp_path / "fresh.jsonl"
    earlier.write_text('{"type":"session"}\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for path, cause in (
            (earlier, f"--set=bundle={tmp_path}"),
            (fresh, f"--publish=tcp://127.0.0.1:{port}"),
        ):
            process = redirected("", "run", *QUICK, "--jsonl", str(path), cause, str(speech))
            process.communicate(timeout=60)
            assert process.returncode == 2
    assert earlier.read_text() == '{"type":"session"}\n'
    assert not fresh.exists()


def test_a_second_session_is_added_to_the_recording_of_the_first(speech: Path, tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    for _ in range(2):
        assert redirected("", "run", "--fast", *QUICK, "--jsonl", str(path), str(speech)).wait(120) == 0
    sessions = [message["session"] for message in recorded(path, "session")]
    assert len(sessions) == 4 and len(set(sessions)) == 2
    assert finals(path) == 2
    assert path.stat().st_mode & 0o777 == 0o600
