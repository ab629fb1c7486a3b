"""Who is let in: this machine under its own names, others with the token, no page of somebody else's."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from emotrack.stream.views.dashboard.serving.access import HEADERS
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import API, Dashboard, dashboard, recorded

STATUS = f"{API}/status"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(recorded(sample.conversation(), tmp_path_factory.mktemp("recording") / "talk.jsonl"))


@pytest.fixture(scope="module")
def local(recording: str) -> Iterator[Dashboard]:
    with dashboard(recording) as running:
        yield running


@pytest.fixture(scope="module")
def everywhere(recording: str) -> Iterator[Dashboard]:
    with dashboard(recording, "--host", "0.0.0.0") as running:
        yield running


def token_of(running: Dashboard) -> str:
    (token,) = parse_qs(urlsplit(running.url).query)["token"]
    return token


def test_every_answer_says_what_a_browser_may_do_with_it(local: Dashboard) -> None:
    for path in ("/", STATUS, "/page/nothing", "/openapi.json", f"{API}/state?at=x"):
        headers = local.ask(path).headers
        assert {name: headers[name.lower()] for name in HEADERS} == HEADERS
    policy = local.ask("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST", "localhost:9"])
def test_loopback_answers_under_its_own_names(local: Dashboard, host: str) -> None:
    assert local.ask(STATUS, Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost@evil.example"]
)
def test_loopback_answers_under_no_other_name(local: Dashboard, host: str) -> None:
    for path in ("/", STATUS, "/openapi.json"):
        assert local.ask(path, Host=host).status in (400, 403)
    with pytest.raises(InvalidStatus) as refused, local.socket(additional_headers={"Host": "evil.example"}):
        pass  # beside its own, which is one too many
    assert refused.value.response.status_code in (400, 403)


def test_a_page_of_another_server_opens_no_socket(local: Dashboard) -> None:
    for origin in ("http://evil.example", f"http://localhost:{local.port + 1}", "null"):
        with pytest.raises(InvalidStatus) as refused, local.socket(origin=origin):
            pass
        assert refused.value.response.status_code == 403
    with local.socket(origin=f"http://127.0.0.1:{local.port}") as opened:
        assert opened.recv(10)


def test_a_page_of_another_server_asks_nothing(local: Dashboard) -> None:
    for origin in ("http://evil.example", "null", "", "http://[", "http://[::1"):
        assert local.ask(STATUS, Origin=origin).status == 403
    for site in ("cross-site", "same-site"):
        assert local.ask(STATUS, Sec_Fetch_Site=site).status == 403
        assert local.ask("/", Sec_Fetch_Site=site).status == 200  # a link that leads here
    assert local.ask(STATUS, Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_there_is_nothing_to_change(local: Dashboard, method: str) -> None:
    for path in ("/", STATUS, "/page/x", "/nothing"):
        answer = local.ask(path, method)
        assert answer.status == 405 and answer.headers["allow"] == "GET"


def test_no_path_leads_out_of_the_page(local: Dashboard) -> None:
    for path in (
        "/page/../serving/access.py",
        "/page/%2e%2e/serving/access.py",
        "/page//etc/passwd",
        "/page/",
    ):
        assert local.ask(path).status == 404


def test_a_head_without_end_is_refused(local: Dashboard) -> None:
    with socket.create_connection(("127.0.0.1", local.port), 10) as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * (1 << 17))
        assert b" 400 " in opened.recv(1000)
    assert local.ask(STATUS).status == 200


def test_a_request_that_is_never_whole_is_not_waited_for(local: Dashboard) -> None:
    with socket.create_connection(("127.0.0.1", local.port), 60) as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert opened.recv(1000) == b""
    with socket.create_connection(("127.0.0.1", local.port), 60) as opened:  # nor is a second one
        opened.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /health HT")
        answered = b""
        while data := opened.recv(1000):
            answered += data
        assert answered.count(b'{"ok":true}') == 1


def test_elsewhere_nothing_is_answered_without_the_token(everywhere: Dashboard) -> None:
    token = token_of(everywhere)
    assert len(token) >= 43
    for path in (STATUS, "/openapi.json", "/page/x", f"{API}/events", "/health"):
        for shown in ({}, {"Authorization": f"Bearer {token}x"}, {"Authorization": f"Basic {token}"}):
            answer = everywhere.ask(path, **shown)
            assert answer.status == 401 and token not in answer.body.decode(), (path, shown)
        assert everywhere.ask(f"{path}?token={token[:-1]}").status == 401
    page = everywhere.ask("/")
    assert (
        page.status == 401 and page.headers["content-type"].startswith("text/plain") and b"token" in page.body
    )
    with pytest.raises(InvalidStatus) as refused, everywhere.socket():
        pass
    assert refused.value.response.status_code == 401


def test_elsewhere_the_token_opens_the_page_and_the_page_the_rest(everywhere: Dashboard) -> None:
    token = token_of(everywhere)
    page = everywhere.ask(f"/?token={token}")
    assert page.status == 200
    cookie = page.headers["set-cookie"]
    assert re.search("; HttpOnly", cookie) and re.search("; SameSite=Strict", cookie) and "Path=/" in cookie
    shown = cookie.partition(";")[0]
    assert everywhere.ask(STATUS, Cookie=shown).status == 200
    assert everywhere.ask("/", Cookie=shown).status == 200
    assert everywhere.ask(STATUS, Cookie=shown, Host="another-name:80").status == 200
    assert everywhere.ask(STATUS, Cookie=shown, Origin="http://evil.example").status == 403
    host = f"127.0.0.1:{everywhere.port}"
    with everywhere.socket(additional_headers={"Cookie": shown}, origin=f"http://{host}") as opened:
        assert opened.recv(10)
    with (
        pytest.raises(InvalidStatus),
        everywhere.socket(additional_headers={"Cookie": shown}, origin="http://evil.example"),
    ):
        pass


def test_programs_show_the_token_in_a_header_or_in_the_address(everywhere: Dashboard) -> None:
    token = token_of(everywhere)
    assert everywhere.ask(STATUS, Authorization=f"Bearer {token}").status == 200
    assert everywhere.ask(f"{STATUS}?token={token}").status == 200
    with everywhere.socket(f"?token={token}") as opened:
        assert opened.recv(10)


def test_the_token_is_another_each_time(recording: str, everywhere: Dashboard) -> None:
    with dashboard(recording, "--host", "0.0.0.0") as other:
        assert token_of(other) != token_of(everywhere)
        assert other.ask(f"{STATUS}?token={token_of(everywhere)}").status == 401


def test_the_address_names_one_that_others_can_reach(everywhere: Dashboard) -> None:
    host = urlsplit(everywhere.url).hostname
    assert host not in (None, "0.0.0.0") and Path(everywhere.url).name.startswith("?token=")
