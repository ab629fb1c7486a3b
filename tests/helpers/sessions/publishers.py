"""A participant who publishes a recording over WebRTC: aiortc as a browser would use it, with the signalling
of WHIP by hand."""

import asyncio
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

PATIENCE = 20.0


def ask(
    method: str, url: str, body: bytes | str = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """Status, headers (in small letters) and text of the answer to a request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        connection.request(method, parts.path, body, headers or {})
        answer = connection.getresponse()
        return (
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
            answer.read().decode(),
        )
    finally:
        connection.close()


def post_offer(url: str, offer: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """The answer to an offer."""
    return ask("POST", url, offer, {"Content-Type": "application/sdp", **headers})


async def connected(url: str, *tracks: Any, **headers: str) -> tuple[RTCPeerConnection, str]:
    """A connection that sends these tracks, and the address under which it is ended."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for track in tracks:
        connection.addTransceiver(track, direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer = connection.localDescription.sdp
    status, answered, text = await asyncio.to_thread(lambda: post_offer(url, offer, **headers))
    assert status == 201, text
    await connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
    parts = urlsplit(url)
    return connection, f"{parts.scheme}://{parts.netloc}{answered['location']}"


@contextmanager
def publishing(
    url: str, path: Path, *, leave: bool = True, headers: dict[str, str] | None = None
) -> Iterator[None]:
    """Somebody who publishes a recording from now on, and at the end says so (or just goes)."""
    ending, begun = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    async def publish() -> None:
        player = MediaPlayer(str(path))
        tracks = [track for track in (player.audio, player.video) if track is not None]
        connection, resource = await connected(url, *tracks, **(headers or {}))
        begun.set()
        await asyncio.to_thread(ending.wait)
        if leave:
            status, *_ = await asyncio.to_thread(lambda: ask("DELETE", resource, headers=headers))
            assert status == 200
        await connection.close()
        for track in tracks:
            track.stop()

    def run() -> None:
        try:
            asyncio.run(publish())
        except BaseException as failure:  # noqa: BLE001 - raised again by the test
            failures.append(failure)
            begun.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(PATIENCE)
        if not failures:
            yield
    finally:
        ending.set()
        thread.join()
    if failures:
        raise failures[0]
