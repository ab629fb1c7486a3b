"""The messages read by programs in other languages: C++ (the example) and Node."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import Dashboard, dashboard
from helpers.sessions.wire import publishing

EXAMPLE = Path(__file__).parents[4] / "examples" / "follow_events.cpp"
READER = Path(__file__).with_name("reader.mjs")


@contextmanager
def followed() -> Iterator[tuple[Dashboard, Outbox]]:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as running:
        outbox.emit(sample.session())
        running.wait_for(session="s1", connected=True)
        yield running, outbox


def talk(outbox: Outbox) -> None:
    outbox.emit(sample.emotion(1, "spk1", state="partial", label="fear"))
    outbox.emit(sample.emotion(1, "spk1", revision=1, transcript=sample.said('They said "yes" – Grüße 🙂')))
    outbox.emit(sample.emotion(2, "spk2", label="surprise"))
    outbox.emit(sample.session("ended"))


def read_until_ended(process: "subprocess.Popen[str]") -> list[str]:
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line.rstrip("\n"))
        if line.startswith("session ended"):
            return lines
    raise AssertionError(lines)


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
def test_a_program_in_cpp(tmp_path: Path) -> None:
    program = tmp_path / "follow"
    subprocess.run(
        ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(EXAMPLE)], check=True
    )
    with followed() as (running, outbox):
        command = [str(program), "127.0.0.1", str(running.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None and process.stdout.readline() == "session started\n"
                talk(outbox)
                assert read_until_ended(process) == [
                    "spk1 is in joy",
                    "spk2 is in surprise",
                    "session ended",
                ]
            finally:
                process.kill()
    nobody = subprocess.run([program, "127.0.0.1", str(running.port)], capture_output=True, text=True)
    assert nobody.returncode == 1 and "nothing answers" in nobody.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_a_program_in_node() -> None:
    probe = "typeof WebSocket === 'function' || require('ws') ? 'yes' : 'no'"
    found = subprocess.run(["node", "-p", probe], capture_output=True, text=True, cwd=READER.parent)
    has_socket = found.stdout.strip() == "yes"
    with followed() as (running, outbox):
        command = ["node", str(READER), running.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None and process.stdout.readline() == "session started\n"
                talk(outbox)
                lines = read_until_ended(process)
            finally:
                process.kill()
    assert lines == [
        'emotion joy They said "yes" – Grüße 🙂',
        "emotion surprise All right.",
        f"session ended, 2 utterances in the history, {'emotrack/1' if has_socket else 'no socket'}",
    ]
