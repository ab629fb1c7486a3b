"""A dashboard in a process of its own, and clients that ask it as other programs do."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Message
from helpers.sessions.commands import start

API = "/api/v1"
PATIENCE = 60.0
"""Seconds for what takes one, on a machine that is busy."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Event:
    """A server-sent event; `name`: empty for a message."""

    id: str
    name: str
    data: bytes

    @property
    def message(self) -> Any:
        return json.loads(self.data)


@dataclass(frozen=True)
class Dashboard:
    process: "subprocess.Popen[str]"
    url: str

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def ask(self, path: str, method: str = "GET", *, patience: float = PATIENCE, **headers: str) -> Answer:
        """One request; an underscore in the name of a header stands for a dash."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request(method, path, headers=named(headers))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The data of an answer that is one."""
        answer = self.ask(f"{API}{path}")
        assert answer.status == 200, answer
        return answer.data

    @contextmanager
    def events(self, query: str = "", **headers: str) -> Iterator[Iterator[Event]]:
        """Server-sent events, as they come."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", f"{API}/events{query}", headers=named(headers))
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream")
        try:
            yield read_events(answer)
        finally:
            answer.close()
            connection.close()

    def socket(self, query: str = "", **options: Any) -> Connection:
        return connect(
            f"ws://127.0.0.1:{self.port}{API}/stream{query}",
            max_size=None,
            open_timeout=PATIENCE,
            close_timeout=1,
            compression=None,
            **options,
        )

    def wait_for(self, **status: object) -> Any:
        """The status, once it says all of this."""
        deadline = time.monotonic() + PATIENCE
        while True:
            told = self.get("/status")
            if all(told[name] == value for name, value in status.items()):
                return told
            assert time.monotonic() < deadline, told
            time.sleep(0.02)


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def read_events(lines: Any) -> Iterator[Event]:
    fields: dict[str, bytes] = {}
    for line in lines:
        name, _, value = line.rstrip(b"\n").partition(b": ")
        if name:
            fields[name.decode()] = value
        elif "data" in fields:
            yield Event(fields.get("id", b"").decode(), fields.get("event", b"").decode(), fields["data"])
            fields = {}


@contextmanager
def dashboard(*arguments: str) -> Iterator[Dashboard]:
    """The real command, at a port that is free; ended in order, and quietly."""
    process = start("dashboard", *arguments, "--port", "0")
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()
        yield Dashboard(process, url)
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and "Traceback" not in talk, talk
    finally:
        process.kill()
        process.communicate()


def recorded(messages: Sequence[Message], path: Path) -> Path:
    """A recording of these messages."""
    path.write_bytes(b"".join(encode(message) + b"\n" for message in messages))
    return path
