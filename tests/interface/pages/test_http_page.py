"""What docs/http.md shows works as it stands, but for the port."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from emotrack.stream.views.dashboard.clients import CLIENTS, CROWDED, PLAYED, SLOW, STOPPED, WAITING_BYTES
from emotrack.stream.views.dashboard.history import KEPT_BYTES
from emotrack.stream.views.dashboard.serving.description import API, openapi
from emotrack.stream.views.dashboard.state import KEPT
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.pages import ROOT, blocks, rows, section
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import Dashboard, dashboard
from helpers.sessions.wire import publishing

PAGE = ROOT / "docs" / "http.md"
PORT = "127.0.0.1:8787"


@contextmanager
def followed() -> Iterator[tuple[Dashboard, Outbox]]:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as running:
        outbox.emit(sample.session())
        outbox.emit(sample.emotion(1, "spk1"))
        running.wait_for(session="s1", end=3.5)
        yield running, outbox


def first_line(command: Sequence[str]) -> str:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            return process.stdout.readline().strip()
        finally:
            process.kill()


def here(text: str, running: Dashboard) -> str:
    assert PORT in text
    return text.replace(PORT, f"127.0.0.1:{running.port}")


@pytest.mark.parametrize("number", [0, 1])
def test_the_programs_in_python_tell_of_labels(number: int, tmp_path: Path) -> None:
    with followed() as (running, _):
        (script := tmp_path / "program.py").write_text(here(blocks(PAGE, "python")[number], running), "utf-8")
        assert first_line([sys.executable, str(script)]) == "spk1 is in joy (64%)"
    assert len(blocks(PAGE, "python")) == 2


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_the_program_in_javascript_tells_of_labels(tmp_path: Path) -> None:
    with followed() as (running, _):
        (script := tmp_path / "program.mjs").write_text(here("".join(blocks(PAGE, "js")), running), "utf-8")
        assert first_line(["node", str(script)]) == "spk1 is in joy"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_lines_of_shell_answer() -> None:
    lines = [line for block in blocks(PAGE, "sh") for line in block.splitlines() if line.startswith("curl")]
    with followed() as (running, _):
        status, messages, events = (first_line(["sh", "-c", f"exec {here(line, running)}"]) for line in lines)
    assert json.loads(status)["session"] == "s1"
    assert [one["type"] for one in json.loads(messages)["messages"]] == ["emotion"]
    assert events == "id: s1:2"


def test_the_tables_are_as_the_code_has_it() -> None:
    addresses = {
        re.sub("[A-Z]+", lambda name: f"{{{name[0].lower()}}}", row[0].strip("`"))
        for row in rows(section(PAGE, "Addresses"))
    }
    described = {
        path.removeprefix(f"{API}/") for path in json.loads(openapi("1"))["paths"] if path.startswith(API)
    }
    assert addresses == described
    codes = {int(row[0]): row[1] for row in rows(section(PAGE, "Following"))}
    assert set(codes) == {PLAYED.code, STOPPED.code, CROWDED.code, SLOW.code}
    assert f"{CLIENTS} clients" in codes[CROWDED.code] and f"{WAITING_BYTES >> 20} MB" in codes[SLOW.code]
    text = section(PAGE, "Addresses")
    assert f"{KEPT_BYTES >> 20} MB" in text
    assert f"last {KEPT['emotion']} utterances" in text and f"last {KEPT['error']} errors" in text
