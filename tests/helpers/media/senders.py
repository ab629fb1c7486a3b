"""Servers and senders of synthetic clips: HTTP, MPEG-TS over TCP (plain or in HTTP) and over UDP, on the
loopback; pipes."""

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import av

from helpers.media.clips import Pace, write_clip

LOW_DELAY = {"flush_packets": "1", "pes_payload_size": "0"}


@contextmanager
def http_server(
    folder: Path, *, break_after: int | None = None, ranges: bool = False, stated: bool = True
) -> Iterator[str]:
    """Serve a folder on a free port; with `break_after` each answer's connection is dropped after so many
    bytes.

    `ranges`: the rest of a file can be asked for. `stated`: the length of each answer is told.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def do_GET(self) -> None:
            self.first = (
                int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
                if ranges
                else 0
            )
            self.size = (
                (folder / self.path.lstrip("/")).stat().st_size
                if (folder / self.path.lstrip("/")).is_file()
                else 0
            )
            super().do_GET()

        def send_response(self, code: int, message: str | None = None) -> None:
            super().send_response(206 if self.first and code == 200 else code, message)
            if self.first:
                self.send_header("Content-Range", f"bytes {self.first}-{self.size - 1}/{self.size}")
            if ranges:
                self.send_header("Accept-Ranges", "bytes")

        def send_header(self, keyword: str, value: str) -> None:
            if keyword == "Content-Length":
                value = str(int(value) - self.first)
            if keyword != "Content-Length" or stated:
                super().send_header(keyword, value)

        def copyfile(self, source: Any, outputfile: Any) -> None:
            source.seek(self.first)
            with suppress(ConnectionError):
                outputfile.write(source.read(-1 if break_after is None else break_after))
            if break_after is not None:
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class TcpSender:
    """Sends a clip as MPEG-TS, in its own time, to each one that connects; `hang_up` ends what is being
    sent."""

    def __init__(self, *, scheme: Literal["tcp", "http"] = "tcp", port: int = 0, **clip: Any) -> None:
        self._greeting = b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" if scheme == "http" else b""
        self._clip = clip
        self._closing = threading.Event()
        self.pace = Pace()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.05)
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        self.pace.ending.set()

    def close(self) -> None:
        self._closing.set()
        self.pace.ending.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with suppress(OSError, av.error.FFmpegError), connection, connection.makefile("wb") as file:
                self.pace.ending.clear()
                if self._closing.is_set():
                    return
                file.write(self._greeting)
                write_clip(file, format="mpegts", options=LOW_DELAY, pace=self.pace, **self._clip)


def free_tcp_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def piped(data: bytes) -> Iterator[str]:
    """What a shell gives for `<(cat …)`: the name of a pipe's open end, into which somebody writes `data`."""
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), open(writing, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()
