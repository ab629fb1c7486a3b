"""What cannot be read is refused at once, in one sentence that names the cause."""

import builtins
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.devices import listing
from emotrack.stream.sources.files.file import FileSource
from emotrack.stream.sources.names import feed_name, unique_names, without_credentials
from emotrack.stream.sources.open import open_source, open_sources
from helpers.media.clips import AudioSpec, VideoSpec, cut_off, write_clip
from helpers.media.fake_sounddevice import FakeSoundDevice
from helpers.media.senders import http_server

QUICK = SourceSettings(connect_timeout=0.5)


@pytest.fixture
def no_cameras(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(listing, "LINUX_CAMERAS", tmp_path / "no cameras")


def refusal(text: str) -> str:
    begun = time.monotonic()
    with pytest.raises(UserError) as caught:
        open_source(text, settings=QUICK)
    assert time.monotonic() - begun < 3.0
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


def text_file(path: Path) -> None:
    path.write_text("This is no video.\n" * 200)


def subtitles(path: Path) -> None:
    path.write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n\n" * 5)


def broken_index(path: Path) -> None:
    cut_off(write_clip(path, video=VideoSpec()), 0.6)


@pytest.mark.parametrize(
    ("name", "make", "cause"),
    [
        ("text.mp4", text_file, "cannot be read as audio or video"),
        ("text.txt", text_file, "neither an audio nor a video track"),
        ("subtitles.srt", subtitles, "neither an audio nor a video track"),
        ("empty.mp4", Path.touch, "is empty"),
        ("folder.mp4", Path.mkdir, "is a directory"),
        ("index.mp4", broken_index, "is it complete"),
        ("missing.mp4", lambda path: None, "there is no file"),
    ],
)
def test_files_that_are_no_media(tmp_path: Path, name: str, make: Callable[[Path], None], cause: str) -> None:
    make(tmp_path / name)
    assert cause in refusal(str(tmp_path / name))


@pytest.mark.parametrize("suffix", ["mp4", "bin", "mp3", "mkv", "ts", ""])
def test_random_bytes(tmp_path: Path, suffix: str) -> None:
    for seed, size in enumerate((10, 1_000, 50_000, 200_000)):
        path = tmp_path / f"random{seed}.{suffix}"
        path.write_bytes(np.random.default_rng([seed, size, len(suffix)]).bytes(size))
        refusal(str(path))


@pytest.mark.parametrize(
    "text", ["", "+", "a\0b", "x" * 5_000, "~nobody-at-all/clip.mp4", "clip.mp4+", "file:///none.mp4"]
)
def test_texts_that_name_nothing(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("text", ["", "+", "camera:0+", "+mic"])
def test_an_empty_part_is_named_as_such(text: str) -> None:
    assert f"{text!r} names no source" in refusal(text)


def test_an_unreachable_address_is_refused_fast() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "Connection refused" in refusal(f"tcp://127.0.0.1:{unused.getsockname()[1]}")


@pytest.mark.parametrize("scheme", ["http", "tcp", "rtsp", "rtmp"])
def test_an_address_that_does_not_answer_is_refused_after_the_time_limit(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        sentence = refusal(f"{scheme}://user:secret@127.0.0.1:{mute.getsockname()[1]}/live?token=secret")
    assert "no answer within 0.5 s" in sentence
    assert "secret" not in sentence


def test_an_address_whose_name_look_up_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: time.sleep(2))
    assert "no answer within 0.5 s" in refusal("rtsp://camera.example/live")


def test_an_unknown_host() -> None:
    assert "cannot be reached" in refusal("http://no-such-host.invalid/clip.mp4")


def test_what_is_not_there_on_a_server(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>hello</html>" * 50)
    with http_server(tmp_path) as url:
        assert "(Server returned 404 Not Found)" in refusal(f"{url}/missing.mp4")
        assert "cannot be reached" in refusal(f"{url}/page.html")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host/clip.mp4",
        "gopher://host",
        "concat://a",
        "http://[broken",
        f"http://{'a' * 64}.com/clip.mp4",
        "rtsp://host..name/live",
        "http://host:99999/clip.mp4",
        "http://host:port/clip.mp4",
        "http://host/\udce9.mp4",
    ],
)
def test_addresses_of_other_kinds(text: str) -> None:
    assert "cannot be read" in refusal(text)


@pytest.mark.parametrize(
    ("text", "lack"), [("http:///clip.mp4", "host"), ("rtsp://:554/live", "host"), ("TCP://host", "port")]
)
def test_addresses_that_lack_something(text: str, lack: str) -> None:
    assert f"names no {lack}" in refusal(text)


def test_schemes_may_be_written_in_capitals(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.wav", audio=AudioSpec("pcm_s16le"), duration=0.2)
    source = open_source(f"FILE://{path}")
    assert isinstance(source, FileSource) and source.media == {"audio"}
    with http_server(tmp_path) as url:
        source = open_source(f"{url.replace('http', 'Http')}/clip.wav", settings=QUICK)
    assert isinstance(source, FileSource) and source.media == {"audio"}
    assert "Connection refused" in refusal("RTSP://127.0.0.1:9/live")


@pytest.mark.usefixtures("no_cameras")
@pytest.mark.parametrize(
    "text", ["camera:0", "camera:", "camera:Some camera", "camera:0+camera:1", "camera:0+mic"]
)
def test_cameras_that_are_not_there(text: str) -> None:
    assert "there is no camera" in refusal(text)


@pytest.mark.parametrize(
    "text", ["camera:/dev/video99", "camera:lavfi:no_such_filter", "camera:lavfi:anullsrc"]
)
def test_cameras_that_cannot_be_opened(text: str) -> None:
    assert "emotrack devices" in refusal(text)


def test_a_second_camera_in_one_feed() -> None:
    camera = "camera:lavfi:testsrc2=size=64x48:rate=10"
    assert "joins two sources of video" in refusal(f"{camera}+{camera}")


def test_a_camera_and_a_file_in_one_feed(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "sound.wav", audio=AudioSpec("pcm_s16le"))
    assert "joins a live source with a file" in refusal(f"{path}+camera:lavfi:testsrc2=size=64x48:rate=10")


def test_microphones_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = FakeSoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    assert "there is no microphone 'Other'; there are: Fake microphone" in refusal("mic:Other")
    fake.plugged = False
    assert "no microphone is connected" in refusal("mic")


@pytest.mark.parametrize(("failure", "cure"), [(OSError, "libportaudio2"), (ImportError, "pip install")])
def test_portaudio_missing(monkeypatch: pytest.MonkeyPatch, failure: type[Exception], cure: str) -> None:
    plain = builtins.__import__

    def broken(name: str, *rest: Any, **more: Any) -> Any:
        if name == "sounddevice":
            raise failure("PortAudio library not found")
        return plain(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)
    monkeypatch.setattr(sys, "platform", "linux")
    assert cure in refusal("mic")
    assert any(cure in remark for remark in listing.device_remarks())


def test_names_of_feeds(tmp_path: Path) -> None:
    clips = [tmp_path / "Frau Müller & co.wav", tmp_path / "a+b.wav", tmp_path / "sub" / "a+b.wav"]
    clips[2].parent.mkdir()
    for path in clips:
        write_clip(path, audio=AudioSpec("pcm_s16le"), duration=0.1)
    sources = open_sources([str(path) for path in clips])
    assert [source.name for source in sources] == ["Frau_M_ller_co", "a_b", "a_b-2"]
    assert sources[0].description == str(clips[0])
    assert open_source(str(clips[0]), name="host").name == "host"
    assert unique_names(["mic", "mic", "mic-2", "mic"]) == ["mic", "mic-2", "mic-2-2", "mic-3"]
    assert feed_name("///") == "feed"


def test_feeds_without_a_latin_letter_in_their_names_are_told_apart() -> None:
    names = [
        feed_name(text)
        for text in ("Анна", "Борис", "张伟", "張偉", "Анна 1", "Борис 1", "🙂", "\udce9\udcf1")
    ]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("feed-[0-9a-f]{6}", name) for name in names)
    assert feed_name("Анна") == names[0]
    assert (feed_name("2026-11-28"), feed_name("Анна-phone")) == ("2026-11-28", "phone")


def test_credentials_are_hidden() -> None:
    assert without_credentials("rtsp://user:pass@cam.local:554/live?token=1") == "rtsp://cam.local:554/live?…"
    assert without_credentials("http://host/a/b.mp4") == "http://host/a/b.mp4"
