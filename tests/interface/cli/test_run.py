"""`emotrack run` from its options to its last word, and what it says on stderr for whatever collects logs."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.cli.logs import WAITING, JsonLines
from emotrack.demo import clip_path
from emotrack.errors import UserError
from helpers.learning.corpora import write_wav
from helpers.sessions.commands import emotrack, full_pipe

FAST = ("run", "--fast", "--publish", "none", "--set", "stream.transcription.recogniser=none")


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


def test_a_log_of_json_has_every_final_label_by_its_id_and_all_that_is_said(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger("emotrack").level
    done = emotrack(capfd, monkeypatch, *FAST, "--log-format", "json", "--jsonl", "-", str(clip_path()))
    assert done.code == 0
    messages = [json.loads(line) for line in done.out.splitlines()]
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert {line["session"] for line in lines} == {messages[0]["session"]}
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    finals = [one["utterance"] for one in messages if one["type"] == "emotion" and one["state"] == "final"]
    assert finals
    assert [line["utterance"] for line in lines if line.get("event") == "final"] == finals
    feeds = [(one["source"], one["medium"], one["state"]) for one in messages if one["type"] == "feed"]
    assert feeds == [
        (line["source"], line["medium"], line["state"]) for line in lines if line.get("event") == "feed"
    ]
    assert lines[0]["message"].startswith("loading the networks") and " labels from " in lines[-1]["message"]
    assert (logging.getLogger().handlers[:], logging.getLogger("emotrack").level) == before


def test_why_a_start_fails_is_a_line_of_json_too(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = emotrack(capfd, monkeypatch, "run", "--log-format", "json", "/nowhere.mp4")
    (line,) = (json.loads(line) for line in done.err.splitlines())
    assert done.code == 2 and line["level"] == "error" and "there is no file" in line["message"]

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("emotrack.stream.sources.open.open_sources", fail)
    done = emotrack(capfd, monkeypatch, "run", "--log-format", "json", "/nowhere.mp4")
    (line,) = (json.loads(line) for line in done.err.splitlines())
    assert (done.code, line["level"]) == (1, "critical") and "RuntimeError: a bug" in line["exception"]


def test_what_python_itself_says_is_lines_of_json_too(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def grumble(*_: object, **__: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)  # which the block before undid
            warnings.warn("this will change", stacklevel=1)
        thread = threading.Thread(target=lambda: [][0])
        thread.start()
        thread.join()
        raise UserError("It cannot go on.")

    monkeypatch.setattr("emotrack.stream.sources.open.open_sources", grumble)
    hook = threading.excepthook
    done = emotrack(capfd, monkeypatch, "run", "--log-format", "json", "/nowhere.mp4")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "critical", "error"]
    assert "this will change" in lines[0]["message"] and "IndexError" in lines[1]["exception"]
    assert threading.excepthook is hook


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_standard_error_that_takes_nothing_neither_stops_a_session_nor_spoils_its_record(
    tmp_path: Path, log_format: str
) -> None:
    record = tmp_path / "session.jsonl"
    options = (*FAST, "--log-format", log_format, "--jsonl", str(record), str(clip_path()))
    command = [sys.executable, "-m", "emotrack.cli", *options]
    with full_pipe() as (_, writing):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=writing, timeout=120)
    assert done.returncode == 0
    last = json.loads(record.read_bytes().splitlines()[-1])
    assert (last["type"], last["state"], last["reason"]) == ("session", "ended", "sources ended")


def record_of(number: int, **about: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "emotrack", "levelname": "INFO", "msg": f"line {number}", **about})


def test_who_logs_never_waits_and_what_was_lost_is_counted_once_somebody_reads() -> None:
    emitted = WAITING + 500
    with full_pipe() as (reading, writing):
        lines = JsonLines(writing, "s1")
        for number in range(emitted):
            lines.handle(record_of(number))
        held = bytearray()
        closed = threading.Event()

        def read_on() -> None:
            os.set_blocking(reading, False)
            while True:
                over = closed.is_set()
                with contextlib.suppress(BlockingIOError):
                    while more := os.read(reading, 1 << 16):
                        held.extend(more)
                if over:
                    return
                time.sleep(0.005)

        reader = threading.Thread(target=read_on)
        reader.start()
        while lines._lines.qsize():
            time.sleep(0.01)
        lines.close()
        closed.set()
        reader.join()
    read = [json.loads(line) for line in held.lstrip(b"x").splitlines()]
    lost = sum(int(line["message"].split()[0]) for line in read if line["logger"] == "emotrack.logs")
    assert lost > 0 and lost + sum(line["logger"] == "emotrack" for line in read) == emitted


def test_a_descriptor_that_takes_nothing_and_a_reader_that_left_raise_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for descriptor in (writing, os.open(os.devnull, os.O_RDONLY)):
        lines = JsonLines(descriptor, "s1")
        lines.handle(record_of(1))
        lines.handle(record_of(2, broken=float("nan")))
        lines.close()
        os.close(descriptor)


def test_what_is_logged_is_one_line_that_steers_no_terminal_and_has_bounds(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    lines = JsonLines(descriptor, "s1")
    lines.handle(record_of(1, reason="\x1b[2J\n\u202e\x9b" + "x" * 100_000, utterance=3))
    lines.handle(record_of(2, unknown=Path("a")))
    lines.close()
    os.close(descriptor)
    first, second = (tmp_path / "log").read_bytes().splitlines()
    assert first.isascii() and first.decode().isprintable() and len(first) < 20_000
    assert json.loads(first)["utterance"] == 3 and json.loads(second)["unknown"] == "a"
