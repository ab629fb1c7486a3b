"""What is not there when a session starts: waited for where it is all there is, tried again where it is
not."""

import socket
import sys
import threading
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.media import AudioChunk, MediumChange, Source, VideoFrame
from emotrack.stream.sources.open import open_sources
from helpers.media.clips import AudioSpec, VideoSpec, items_of, write_clip
from helpers.media.fake_sounddevice import FakeSoundDevice
from helpers.media.senders import TcpSender, free_tcp_port

CAMERA = "camera:lavfi:testsrc2=size=64x48:rate=30"
QUICK = SourceSettings(connect_timeout=3.0, retry_first=0.1, start_seconds=0.5)
PATIENT = QUICK.model_copy(update={"start_seconds": 20.0})


def sender_at(port: int) -> TcpSender:
    return TcpSender(
        port=port, video=VideoSpec("mpeg2video"), audio=AudioSpec("mp2"), duration=10.0, onset=0.0
    )


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    fake = FakeSoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


@pytest.fixture
def clip(tmp_path: Path) -> str:
    return str(write_clip(tmp_path / "clip.wav", audio=AudioSpec("pcm_s16le"), duration=0.2))


def changes_until(source: Source, medium: str, state: str) -> list[MediumChange]:
    """What a source says of its media up to the first such change."""
    items = items_of(source)
    seen: list[MediumChange] = []
    for item in items:
        if isinstance(item, MediumChange):
            seen.append(item)
            if (item.medium, item.state) == (medium, state):
                break
    items.close()
    return seen


def test_a_live_source_that_is_all_there_is_is_waited_for() -> None:
    port, told = free_tcp_port(), list[str]()
    with ExitStack() as closing:
        sender = threading.Timer(0.4, lambda: closing.callback(sender_at(port).close))
        sender.start()
        [source] = open_sources([f"tcp://127.0.0.1:{port}"], settings=PATIENT, notify=told.append)
        sender.join()
        assert source.live and changes_until(source, "video", "up")
    assert len(told) == 1 and "Connection refused" in told[0] and "trying again, for 20 s at most" in told[0]


def test_after_the_deadline_it_is_refused_with_its_reason() -> None:
    url, told = f"tcp://127.0.0.1:{free_tcp_port()}", list[str]()
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"cannot be reached \(Connection refused\)"):
        open_sources([url, "camera:/dev/video99"], settings=QUICK, notify=told.append)
    assert 0.5 <= time.monotonic() - begun < 3.0
    assert len(told) == 1


def test_beside_a_source_that_is_there_an_absent_one_is_told_down_and_comes_later(clip: str) -> None:
    port, told = free_tcp_port(), list[str]()
    begun = time.monotonic()
    there, absent = open_sources([clip, f"tcp://127.0.0.1:{port}"], settings=PATIENT, notify=told.append)
    assert time.monotonic() - begun < 2.0
    assert not there.live and absent.live
    assert len(told) == 1 and told[0].endswith("it is tried again while the others are tracked.")
    with ExitStack() as closing:
        sender = threading.Timer(0.3, lambda: closing.callback(sender_at(port).close))
        sender.start()
        changes = changes_until(absent, "video", "up")
        sender.join()
    assert [(change.medium, change.state) for change in changes] == [
        ("audio", "down"),
        ("video", "down"),
        ("audio", "up"),
        ("video", "up"),
    ]
    assert "Connection refused" in changes[0].reason


def test_a_microphone_may_be_plugged_in_later(clip: str, microphone: FakeSoundDevice) -> None:
    microphone.plugged = False
    _, source = open_sources([clip, "mic"], settings=QUICK)
    threading.Timer(0.3, lambda: setattr(microphone, "plugged", True)).start()
    down, up = changes_until(source, "audio", "up")
    assert down.state == "down" and "no microphone is connected" in down.reason
    assert up.reason == "recording from Fake microphone"
    assert microphone.looked_again > 0


def test_of_a_camera_and_a_microphone_one_is_enough_to_start(microphone: FakeSoundDevice) -> None:
    [source] = open_sources(["camera:/dev/video99+mic"], settings=QUICK)
    items = items_of(source)
    first = list(islice(items, 20))
    items.close()
    changes = [item for item in first if isinstance(item, MediumChange)]
    assert sorted((change.medium, change.state) for change in changes) == [("audio", "up"), ("video", "down")]
    assert all(isinstance(item, AudioChunk | MediumChange) for item in first) and len(first) == 20


def test_an_address_not_known_yet_gives_only_what_its_partner_does_not(microphone: FakeSoundDevice) -> None:
    """With a microphone beside it, a camera's address that turns out to have sound too is seen, not heard."""
    port = free_tcp_port()
    [source] = open_sources([f"tcp://127.0.0.1:{port}+mic"], settings=QUICK)
    sender = sender_at(port)
    try:
        items = items_of(source)
        changes: list[MediumChange] = []
        for item in items:
            changes += [item] if isinstance(item, MediumChange) else []
            if isinstance(item, VideoFrame):
                break
        items.close()
    finally:
        sender.close()
    assert [change.reason for change in changes if change.medium == "audio"] == [
        "recording from Fake microphone"
    ]


def test_those_that_do_not_answer_are_asked_side_by_side(clip: str) -> None:
    with ExitStack() as servers:
        mute = [servers.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
        begun = time.monotonic()
        urls = [f"tcp://127.0.0.1:{server.getsockname()[1]}" for server in mute]
        assert (
            len(open_sources([clip, *urls], settings=QUICK.model_copy(update={"connect_timeout": 1.0}))) == 5
        )
        assert time.monotonic() - begun < 3.5


@pytest.mark.parametrize(
    "text", ["missing.mp4", "ftp://host/clip.mp4", "http://" + "a" * 70 + ".com/", "tcp://127.0.0.1"]
)
def test_what_never_will_be_there_is_refused_at_once(text: str) -> None:
    begun = time.monotonic()
    with pytest.raises(UserError):
        open_sources([CAMERA, text], settings=PATIENT)
    assert time.monotonic() - begun < 2.0
