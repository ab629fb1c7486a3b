"""The command that serves a dashboard: where, until when, and what is wrong in one sentence."""

import signal
import socket
import time
from pathlib import Path

import pytest

from emotrack.stream.views.dashboard.serving import server
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import emotrack, start
from helpers.sessions.dashboards import PATIENCE, Dashboard, dashboard, recorded
from helpers.sessions.wire import publishing, unused_endpoint


@pytest.fixture
def recording(tmp_path: Path) -> str:
    return str(recorded(sample.conversation(), tmp_path / "talk.jsonl"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_whoever_follows(number: signal.Signals) -> None:
    with publishing() as (publisher, outbox):
        process = start("dashboard", publisher.endpoint, "--port", "0")
        try:
            assert process.stdout is not None
            running = Dashboard(process, process.stdout.readline().strip())
            outbox.emit(sample.session())
            running.wait_for(session="s1")
            stuck = socket.create_connection(("127.0.0.1", running.port))  # says nothing
            with stuck, running.socket() as opened, running.events() as events:
                opened.recv(PATIENCE)
                next(events)
                began = time.monotonic()
                process.send_signal(number)
                assert next(events).message == {"code": 1001, "reason": "The dashboard stops."}
                assert list(opened) == [] and opened.close_code == 1001
                _, talk = process.communicate(timeout=PATIENCE)
                assert time.monotonic() - began < 10  # two seconds, where nothing else keeps the machine busy
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0 and "Traceback" not in talk


def test_a_tracker_that_is_not_there_yet_is_waited_for() -> None:
    endpoint = unused_endpoint()
    with dashboard(endpoint) as running:
        status = running.get("/status")
        assert (status["connected"], status["session"], status["start"]) == (False, None, None)
        assert running.get("/state") == {"at": 0.0, "messages": []}
        assert running.ask("/").status == 200 and running.ask("/health").data == {"ok": True}
        with publishing(endpoint=endpoint) as (_, outbox):
            outbox.emit(sample.session())
            outbox.emit(sample.heartbeat())
            deadline = time.monotonic() + PATIENCE
            while running.get("/status")["session"] is None:
                assert time.monotonic() < deadline
                outbox.emit(sample.heartbeat())
                time.sleep(0.05)
            running.wait_for(connected=True)


def test_what_is_wrong_is_one_sentence(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recording: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        damaged = tmp_path / "damaged.jsonl"
        damaged.write_text('{"type":"session"}\n')
        for arguments, word in (
            ([recording, "--port", port], "--port 0"),
            ([recording, "--host", "no-such-name.invalid"], "no place to serve at"),
            ([str(tmp_path / "missing.jsonl")], "no recording"),
            ([str(damaged)], "damaged"),
            (["tcp://127.0.0.1"], "tcp://HOST:PORT"),
            (["tcp://127.0.0.1:5556", "--server-key", "x"], "--keys"),
            (["tcp://127.0.0.1:5556", "--server-key", "x" * 40, "--keys", str(damaged)], "key"),
            ([recording, "--evidence", str(tmp_path)], "--evidence"),
        ):
            outcome = emotrack(
                capfd,
                monkeypatch,
                "dashboard",
                *arguments,
                *(() if "--port" in arguments else ("--port", "0")),
            )
            assert outcome.code == 2 and outcome.out == "", arguments
            assert len(outcome.sentences) == 1 and word in outcome.sentences[0], outcome.err


@pytest.mark.parametrize("option", ["--open", "--no-open"])
def test_the_page_is_opened_where_that_is_asked_for(
    option: str, recording: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (browser := tmp_path / "browser").write_text(f"#!/bin/sh\necho $1 > {tmp_path}/opened\n")
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    with dashboard(recording, option) as running:
        deadline = time.monotonic() + PATIENCE
        opened = tmp_path / "opened"
        while option == "--open" and not (opened.exists() and opened.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert running.ask("/").status == 200
        url = running.url
    assert option == "--no-open" or (tmp_path / "opened").read_text() == f"{url}\n"
    assert (tmp_path / "opened").exists() == (option == "--open")


def test_a_place_on_this_machine_alone_needs_no_token() -> None:
    for host, secret in (("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)):
        place = server.bound(host, 0)
        place.listener.close()
        assert (place.token is not None) == secret == ("token=" in place.url)
        assert place.port > 0
