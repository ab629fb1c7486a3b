"""Participants who publish over WebRTC are feeds that come and go; who may not publish is told why, and costs
little."""

import asyncio
import builtins
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from emotrack.demo import clip_path
from emotrack.demo.render import LINES
from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.media import AudioChunk, MediaItem, MediumChange, VideoFrame
from emotrack.stream.sources.open import open_source, open_sources, source_name
from emotrack.stream.sources.pushed import publisher
from emotrack.stream.sources.pushed.whip import WhipSource
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.wire.protocol.messages import Emotion, Feed, Message
from emotrack.tracking.tracker import Tracker
from helpers.sessions.publishers import PATIENCE, ask, connected, post_offer, publishing
from helpers.sessions.tracking import settings

TOKEN = "a-token-of-24-characters"


@pytest.fixture(autouse=True)
def _on_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """ICE leaves out the loopback, which is all that a machine of tests is sure to have."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@pytest.fixture
def token(tmp_path: Path) -> SourceSettings:
    """Settings with a token that publishers must show."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return SourceSettings(whip_token=path)


class Listening:
    """A session that reads a participant on a thread of its own."""

    def __init__(self, source: WhipSource) -> None:
        self.source = source
        self.items: list[MediaItem] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for item in self.source.items(SessionClock(), self._stop):
            self.items.append(item)

    def wait_for(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.changes
            time.sleep(0.02)

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        return [(one.medium, one.state, one.reason) for one in self.items if isinstance(one, MediumChange)]

    def count(self, kind: type) -> int:
        return sum(isinstance(item, kind) for item in self.items)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def whip(text: str, options: SourceSettings | None = None) -> WhipSource:
    source = open_source(text, settings=options or SourceSettings())
    assert isinstance(source, WhipSource)
    return source


@pytest.fixture
def room() -> Iterator[Listening]:
    listening = Listening(whip("whip:0/alice"))
    yield listening
    listening.end()


def an_offer(*tracks: Any) -> str:
    """The SDP of somebody who wants to send these."""

    async def make() -> str:
        connection = RTCPeerConnection()
        for track in tracks:
            connection.addTransceiver(track, direction="sendonly")
        offer = await connection.createOffer()
        await connection.close()
        return str(offer.sdp)

    return asyncio.run(make())


def test_a_participant_is_labelled_leaves_and_comes_back() -> None:
    """The demonstration, published by one of two who are awaited: what is said comes with its words, and who
    left and came back is heard again."""
    sources = open_sources(["alice=whip:0/alice", "bob=whip:0/bob"])
    alice, bob = sources
    assert isinstance(alice, WhipSource) and isinstance(bob, WhipSource)
    assert urlsplit(alice.url).port == urlsplit(bob.url).port  # one listener for both
    told: list[Message] = []

    def first_lines() -> dict[int, Emotion]:
        """The newest label of each utterance that is the demonstration's first line, by its number."""
        labels = [one for one in told if isinstance(one, Emotion) and one.state != "partial"]
        return {one.utterance: one for one in labels if one.transcript and "happy" in one.transcript.text}

    def publish(tracker: Tracker) -> None:
        try:
            for number in (1, 2):
                with publishing(alice.url, clip_path()):
                    deadline = time.monotonic() + LINES[-1].start
                    while len(first_lines()) < number and time.monotonic() < deadline:
                        time.sleep(0.1)
        finally:
            tracker.stop()

    with Tracker(sources, settings()) as tracker:
        threads = [threading.Thread(target=publish, args=(tracker,))]
        for message in tracker.messages():
            if not told:
                threads[0].start()
            told.append(message)
        threads[0].join()
    first = first_lines().values()
    assert [one.source for one in first] == ["alice", "alice"] and {one.label for one in first} == {"joy"}
    assert all(one.modalities["face"].present and one.modalities["audio"].present for one in first)
    changes = [(one.source, one.medium, one.state, one.reason) for one in told if isinstance(one, Feed)]
    sound = [change for change in changes if change[:2] == ("alice", "audio")]
    assert [change[2] for change in sound] == ["down", "up", "down", "up", "down"]
    assert sound[0][3] == f"nobody has published to {alice.url} yet" and sound[2][3] == "left"
    assert [change[2] for change in changes if change[:2] == ("bob", "audio")][:1] == ["down"]


def test_who_goes_without_a_word_is_noticed_and_may_come_back(room: Listening) -> None:
    def times(medium: str, state: str) -> int:
        return sum(one[:2] == (medium, state) for one in room.changes)

    for number in (1, 2):
        with publishing(room.source.url, clip_path(), leave=False):
            room.wait_for(partial(lambda wanted: times("audio", "up") == wanted, number))
        room.wait_for(partial(lambda wanted: times("audio", "down") == wanted, number + 1))
    assert room.count(AudioChunk) and room.count(VideoFrame)


def test_another_publisher_takes_the_place_of_one_who_is_there(room: Listening) -> None:
    with publishing(room.source.url, clip_path(), leave=False):
        room.wait_for(lambda: room.count(AudioChunk))
        with publishing(room.source.url, clip_path()):
            room.wait_for(lambda: room.changes.count(("audio", "up", "given")) == 2)
    assert ("audio", "down", "another publisher has taken its place") in room.changes


def test_who_publishes_sound_alone_is_heard(room: Listening) -> None:
    async def publish() -> None:
        connection, _ = await connected(room.source.url, AudioStreamTrack())
        await asyncio.to_thread(lambda: room.wait_for(lambda: room.count(AudioChunk) > 10))
        await connection.close()

    asyncio.run(publish())
    assert not room.count(VideoFrame)


def test_who_is_answered_and_never_connects_is_forgotten(
    room: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "CONNECTING", 0.3)
    status, headers, answer = post_offer(room.source.url, an_offer(AudioStreamTrack()))
    assert status == 201 and answer.startswith("v=0") and headers["content-type"] == "application/sdp"
    resource = room.source.url.removesuffix("/alice") + headers["location"]
    room.wait_for(lambda: ask("DELETE", resource)[0] == 404)


@pytest.mark.parametrize(
    ("body", "kind", "status", "why"),
    [
        ("hello", "application/sdp", 400, "one track of audio"),
        ("", "application/sdp", 400, "one track of audio"),
        (b"\xff\xfe", "application/sdp", 400, "no SDP offer"),
        ("m=audio 1", "application/sdp", 400, "no SDP offer"),
        ("v=0", "text/plain", 415, "Send an SDP offer"),
        ("v=0", "", 415, "Send an SDP offer"),
        ("x" * 70_000, "application/sdp", 413, "at most 65536 bytes"),
    ],
)
def test_what_is_no_offer_is_refused(
    room: Listening, body: str | bytes, kind: str, status: int, why: str
) -> None:
    found, _, text = ask("POST", room.source.url, body, {"Content-Type": kind})
    assert found == status and why in text and text.count("\n") == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda offer: offer.replace("a=sendonly", "a=recvonly"),
        lambda offer: offer + offer[offer.index("m=") :],
        lambda offer: offer + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n",
        lambda offer: offer.replace("a=fingerprint", "a=nothing"),
        lambda offer: offer.replace("opus", "nonesuch").replace("PCM", "XYZ").replace("G722", "G000"),
        lambda offer: offer.replace("m=audio", "m=audio 9 9"),
    ],
)
def test_an_offer_for_something_else_is_refused_and_displaces_nobody(
    room: Listening, spoil: Callable[[str], str]
) -> None:
    with publishing(room.source.url, clip_path()):
        room.wait_for(lambda: room.count(AudioChunk))
        status, _, text = post_offer(room.source.url, spoil(an_offer(AudioStreamTrack())))
        assert status == 400 and text.count("\n") == 1
    assert room.changes.count(("audio", "up", "given")) == 1


def test_other_paths_and_methods_are_refused(room: Listening) -> None:
    base = room.source.url.removesuffix("/alice")
    assert post_offer(base + "/bob", an_offer(AudioStreamTrack()))[0] == 404
    assert ask("GET", room.source.url)[0] == 405
    assert ask("PATCH", room.source.url + "/x")[0] == 405
    assert ask("DELETE", room.source.url + "/x")[0] == 404
    assert ask("GET", base + "/a/b/c")[0] == 404


def test_who_never_connects_displaces_nobody_and_is_one_of_few(room: Listening) -> None:
    with publishing(room.source.url, clip_path()):
        room.wait_for(lambda: room.count(AudioChunk))
        offer = an_offer(AudioStreamTrack())
        found = [post_offer(room.source.url, offer)[0] for _ in range(18)]
        assert found == [201] * 16 + [503] * 2
        heard = room.count(AudioChunk)
        room.wait_for(lambda: room.count(AudioChunk) > heard + 10)
    assert room.changes.count(("audio", "up", "given")) == 1


def test_too_many_offers_are_put_off(room: Listening) -> None:
    found = [ask("POST", room.source.url, "x", {"Content-Type": "application/sdp"}) for _ in range(25)]
    assert [status for status, *_ in found] == [400] * 20 + [429] * 5
    assert found[-1][1]["retry-after"] == "10"


def test_without_a_token_pages_of_strangers_are_kept_out(room: Listening) -> None:
    """A page whose name leads here (DNS rebinding), and one that asks from elsewhere: no answer lets its
    browser go on."""
    offer = an_offer(AudioStreamTrack())
    assert post_offer(room.source.url, offer, Host="evil.example")[0] == 403
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    status, headers, _ = ask("OPTIONS", room.source.url, headers=asked)
    assert status == 204 and not [name for name in headers if name.startswith("access-control")]


def test_a_token_is_asked_for_and_lets_in_from_anywhere(token: SourceSettings) -> None:
    source = whip("whip:0.0.0.0:0/alice", token)
    room = Listening(source)
    try:
        url = source.url.replace("0.0.0.0", "127.0.0.1")
        offer = an_offer(AudioStreamTrack())
        status, headers, _ = post_offer(url, offer)
        assert status == 401 and headers["www-authenticate"] == "Bearer"
        assert post_offer(url, offer, Authorization=f"Bearer {TOKEN}x")[0] == 401
        assert post_offer(url, offer, Authorization=f"Basic {TOKEN}")[0] == 401
        assert ask("DELETE", url + "/x")[0] == 401
        assert ask("OPTIONS", url)[1]["access-control-allow-origin"] == "*"
        shown = {"Authorization": f"Bearer {TOKEN}", "Host": "tracker.example"}
        with publishing(url, clip_path(), headers=shown):
            room.wait_for(lambda: room.count(AudioChunk))
    finally:
        room.end()


def test_a_slow_knock_holds_up_nobody(room: Listening) -> None:
    parts = urlsplit(room.source.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as slow:
        slow.sendall(b"POST /alice HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n")
        slow.sendall(b"Content-Length: 100\r\n\r\nv=0")
        assert post_offer(room.source.url, an_offer(AudioStreamTrack()))[0] == 201
        slow.settimeout(PATIENCE)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_the_port_is_free_again_when_the_session_has_ended() -> None:
    room = Listening(whip("whip:0/alice"))
    parts = urlsplit(room.source.url)
    with publishing(room.source.url, clip_path(), leave=False):
        room.wait_for(lambda: room.count(AudioChunk))
        begun = time.monotonic()
        room.end()
        assert time.monotonic() - begun < 4.0
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(parts.hostname or "", parts.port).connect()
    assert not [thread for thread in threading.enumerate() if thread.name == "whip"]


@pytest.mark.parametrize(
    "text", ["whip:", "whip:alice", "whip:70000/a", "whip:1/a/b", "whip:1/ä", "whip:1/" + "a" * 65]
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"write whip:\[HOST:\]PORT"):
        open_source(text)


def test_a_feed_is_called_as_its_path() -> None:
    assert [source_name(text) for text in ("whip:8889/alice", "whip:8889", "whip:[::1]:1/b")] == [
        "alice",
        "whip",
        "b",
    ]


def test_other_machines_are_not_let_in_without_a_token() -> None:
    with pytest.raises(UserError, match="everybody could publish"):
        open_source("whip:0.0.0.0:0/alice")


@pytest.mark.parametrize("content", ["", "short", "two words in a token", "ü" * 20])
def test_a_token_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(UserError, match="token"):
        open_source("whip:0/alice", settings=SourceSettings(whip_token=tmp_path / "token"))


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(UserError, match=r"others can read the token .* `chmod 600 "):
        open_source("whip:0/alice", settings=SourceSettings(whip_token=tmp_path / "token"))


def test_a_token_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        open_source("whip:0/alice", settings=SourceSettings(whip_token=tmp_path / "token"))


def test_a_port_that_is_taken_is_refused_and_what_was_open_is_closed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UserError, match="cannot be listened at"),
    ):
        open_sources(["whip:0/alice", f"whip:{taken.getsockname()[1]}/bob"])
    assert not [thread for thread in threading.enumerate() if thread.name == "whip"]


def test_two_participants_at_one_address_are_refused() -> None:
    with pytest.raises(UserError, match="is given twice"):
        open_sources(["alice=whip:0/here", "bob=whip:0/here"])


def test_without_the_extra_one_sentence_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name == "emotrack.stream.sources.pushed.whip_server":
            raise ModuleNotFoundError("No module named 'aiortc'", name="aiortc")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(UserError, match=r"the package aiortc is missing; pip install 'emotrack\[webrtc\]'"):
        open_source("whip:0/alice")
