"""A camera behind RTSP: a tone as G.711, in RTP between the answers (RFC 2326, 10.12)."""

import socket
import struct
import threading
import time
from contextlib import suppress

RATE = 8_000
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n"


class RtspServer:
    """Serves until it is closed; `frozen` makes it say nothing for as long as it is set."""

    def __init__(self, port: int = 0) -> None:
        self.frozen = threading.Event()
        self._closing = threading.Event()
        self._hang_up = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.05)
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/camera"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        """Drop the client."""
        self._hang_up.set()

    def close(self) -> None:
        """Serve no more."""
        self._closing.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._hang_up.clear()
            with suppress(OSError), connection:
                connection.settimeout(5.0)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        asked = b""
        while not self._over:
            more = connection.recv(4096)
            if not more:
                return
            asked += more
            while b"\r\n\r\n" in asked:
                request, _, asked = asked.partition(b"\r\n\r\n")
                lines = request.decode("latin-1").split("\r\n")
                connection.sendall(self._answer(lines))
                if lines[0].startswith("PLAY"):
                    self._play(connection)
                    return

    def _answer(self, lines: list[str]) -> bytes:
        number = next(line for line in lines if line.lower().startswith("cseq"))
        head = f"RTSP/1.0 200 OK\r\n{number}\r\nSession: 1\r\n"
        method = lines[0].split()[0]
        if method == "OPTIONS":
            head += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        if method == "SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        body = SDP if method == "DESCRIBE" else ""
        if body:
            head += f"Content-Type: application/sdp\r\nContent-Base: {self.url}/\r\n"
            head += f"Content-Length: {len(body)}\r\n"
        return f"{head}\r\n{body}".encode()

    def _play(self, connection: socket.socket) -> None:
        size = RATE // 50
        tone = bytes(0x90 if sample % 18 < 9 else 0x10 for sample in range(size))
        began = time.monotonic()
        number = 0
        while not self._over:
            if not self.frozen.is_set():
                packet = struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, number * size, 1) + tone
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            number += 1
            time.sleep(max(0.0, began + number / 50 - time.monotonic()))

    @property
    def _over(self) -> bool:
        return self._closing.is_set() or self._hang_up.is_set()
