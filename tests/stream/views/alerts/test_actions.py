"""What is done with alerts: commands get them without a shell, web addresses as JSON, and neither is waited
for."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emotrack.errors import UserError
from emotrack.stream.views.alerts import actions, webhook
from emotrack.stream.views.alerts.actions import Action, Actions, as_json, command, environment
from emotrack.stream.views.alerts.condition import parse_rule
from emotrack.stream.views.alerts.holding import Alert, Watch
from helpers.bridges.scene import outgoing
from helpers.sessions import sample_messages as sample

HOSTILE = "joy $(touch /tmp/owned); `id` \"'&& rm -rf ."


def alert(**changes: Any) -> Alert:
    watch = Watch(parse_rule("label == anger"))
    person = sample.person("ann", time=2.0, label="anger", confidence=0.75, arousal=None)
    ((found,),) = (watch.take(one.message) for one in outgoing([person]))
    return replace(found, **changes)


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "act.py"
    path.write_text(f"import json, os, sys, time\n{body}\n")
    return f"'{sys.executable}' '{path}'"


def act(action: Action, *given: Alert, patient: bool = True) -> list[str]:
    told: list[str] = []
    doing = Actions([action], told.append, patient=patient)
    for one in given:
        doing.give(one)
    doing.close()
    return told


def test_a_command_is_told_of_the_alert_by_its_environment(tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = script(tmp_path, f"open({str(out)!r}, 'w').write(json.dumps([sys.argv[1:], dict(os.environ)]))")
    given = alert()
    assert act(command(f"{text} --to 'two words'"), given) == []
    arguments, told = json.loads(out.read_text())
    assert arguments == ["--to", "two words"]
    ours = {name: value for name, value in told.items() if name.startswith("EMOTRACK_")}
    assert {name: ours[name] for name in environment(given)} == environment(given)
    assert ours["EMOTRACK_EVENT"] == "raised" and ours["EMOTRACK_PERSON"] == "ann"
    assert ours["EMOTRACK_LABEL"] == "anger" and ours["EMOTRACK_CONFIDENCE"] == "0.7500"
    assert "EMOTRACK_AROUSAL" not in ours  # which is not known
    assert json.loads(ours["EMOTRACK_ALERT"])["scores"]["anger"] == 0.75


def test_words_of_others_reach_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = script(tmp_path, f"open({str(out)!r}, 'w').write(os.environ['EMOTRACK_LABEL'] + sys.argv[1])")
    hostile = alert(state=msgspec.structs.replace(alert().state, label=HOSTILE + "\0"))
    assert act(command(f"{text} '$EMOTRACK_LABEL'"), hostile) == []
    assert out.read_text() == HOSTILE + "$EMOTRACK_LABEL"  # as it was written: nobody puts anything in


def test_alerts_are_acted_on_one_after_the_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = script(
        tmp_path,
        "time.sleep(0.2 if os.environ['EMOTRACK_EVENT'] == 'raised' else 0)\n"
        f"open({str(out)!r}, 'a').write(os.environ['EMOTRACK_EVENT'] + ' ')",
    )
    assert act(command(text), alert(), alert(event="cleared"), alert(), alert(event="cleared")) == []
    assert out.read_text() == "raised cleared raised cleared "


def test_a_command_that_fails_or_hangs_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = act(command(script(tmp_path, "sys.exit(3)")), alert())
    assert told.endswith(" ended with code 3.")
    monkeypatch.setattr(actions, "COMMAND_SECONDS", 0.5)
    began = time.monotonic()
    (told,) = act(command(script(tmp_path, "time.sleep(600)")), alert())
    assert told.endswith(" took more than 0.5 s and was ended.") and time.monotonic() - began < 60


@pytest.mark.parametrize("text", ["", "'unbalanced", "/no/such/program --x", "there-is-no-such-program"])
def test_what_is_no_command_is_refused_at_once(text: str) -> None:
    with pytest.raises(UserError, match=r"^--exec "):
        command(text)


def test_an_action_that_hangs_delays_nobody_and_what_is_left_out_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actions, "WAITING", 3)
    monkeypatch.setattr(actions, "ENDING", 0.2)
    gate, told = threading.Event(), list[str]()

    def hang(_: Alert) -> None:
        gate.wait(60)

    doing = Actions([hang], told.append)
    began = time.monotonic()
    for _ in range(50):
        doing.give(alert())
    doing.close()
    assert time.monotonic() - began < 30  # it hangs for 60
    gate.set()
    *left_out, last = told
    assert set(left_out) == {"Alerts are not acted on for now: 3 wait already."} and len(left_out) <= 2
    assert last in ("3 alerts were not acted on in time.", "4 alerts were not acted on in time.")


def test_so_many_a_minute_are_acted_on_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "A_MINUTE", 5)
    done: list[Alert] = []
    told = act(done.append, *[alert()] * 20, patient=False)
    assert len(done) == 5 and told == ["Alerts are not acted on for now: there are more than 5 a minute."]
    done.clear()
    assert act(done.append, *[alert()] * 20) == [] and len(done) == 20  # a recording waits


class Server:
    """A web server that answers with what it is told to, and keeps what it is sent."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                served.posted.append((self.path, dict(self.headers), body))
                self.send_response(served.answers.pop(0) if served.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.place = f"127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(webhook, "FIRST_PAUSE", 0.01)
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_alert_is_posted_as_json(server: Server) -> None:
    given = alert()
    assert act(webhook.webhook(f"http://me:p%40ss@{server.place}/hook?token=x"), given) == []
    ((path, headers, body),) = server.posted
    assert path == "/hook?token=x" and headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Basic bWU6cEBzcw=="
    assert body == as_json(given)
    told = json.loads(body)
    assert (told["type"], told["event"], told["person"], told["time"]) == ("alert", "raised", "ann", 2.0)
    assert told["rule"] == "label == anger" and told["arousal"] is None


@pytest.mark.parametrize(
    ("answers", "tries", "told"),
    [
        ([503, 429, 500], 4, ""),
        ([503] * 9, 4, "(HTTP 503)."),
        ([404], 1, "(HTTP 404)."),
        ([302], 1, "(HTTP 302)."),  # an alert goes where it was told to go
    ],
)
def test_it_is_tried_again_where_that_may_help(
    server: Server, answers: list[int], tries: int, told: str
) -> None:
    server.answers = list(answers)
    said = act(webhook.webhook(f"http://{server.place}/hook?token=s3cret"), alert())
    assert len(server.posted) == tries
    expected = f"An alert could not be posted to http://{server.place}/hook {told}"
    assert said == ([expected] if told else [])


def test_nobody_there_is_told_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "FIRST_PAUSE", 0.01)
    (told,) = act(webhook.webhook("http://me:s3cret@127.0.0.1:9/hook?token=s3cret"), alert())
    assert told.startswith("An alert could not be posted to http://127.0.0.1:9/hook (")
    assert "s3cret" not in told


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    from helpers.bridges.broker import certificate

    shown, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, key)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    (told,) = act(webhook.webhook(f"https://{server.place}/hook"), alert())
    assert "CERTIFICATE_VERIFY_FAILED" in told and server.posted == []
    monkeypatch.setenv("SSL_CERT_FILE", str(shown))
    assert act(webhook.webhook(f"https://{server.place}/hook"), alert()) == []
    assert len(server.posted) == 1


@pytest.mark.parametrize(
    "url", ["", "ftp://x/y", "file:///etc/passwd", "https://", "http://[::1", "http://h:x/"]
)
def test_what_is_no_web_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(UserError, match=r"^--webhook needs a web address"):
        webhook.webhook(url)


def test_alerts_leave_the_machine_encrypted_unless_it_is_said() -> None:
    with pytest.raises(UserError, match=r"^http://192\.0\.2\.1/hook leads beyond .*: write https://, or say"):
        webhook.webhook("http://192.0.2.1/hook?token=x")
    webhook.webhook("http://192.0.2.1/hook", insecure=True)


def test_commands_are_no_children_of_a_terminal(tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = script(tmp_path, f"open({str(out)!r}, 'w').write(str(os.getpgid(0)))")
    assert act(command(text), alert()) == []
    assert int(out.read_text()) != os.getpgid(0)
