"""Addresses: finite files over HTTP, and live streams that are stamped by arrival, lost, and connected to
again."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediumChange
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.arrival import ArrivalClock
from emotrack.stream.sources.timing.clock import SessionClock
from helpers.media.clips import AudioSpec, Pace, Tracks, VideoSpec, cut_off, items_of, read, write_clip
from helpers.media.senders import LOW_DELAY, TcpSender, free_udp_port, http_server

QUICK = SourceSettings(max_frame_rate=120, connect_timeout=3.0, retry_first=0.1)
CLIP: Tracks = {"video": VideoSpec("mpeg2video"), "audio": AudioSpec("mp2")}


@contextmanager
def tcp_sender(**clip: Any) -> Iterator[TcpSender]:
    sender = TcpSender(**CLIP, **clip)
    try:
        yield sender
    finally:
        sender.close()


def test_a_file_behind_http_is_read_like_a_file(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "clip.mp4", **CLIP | {"audio": AudioSpec("aac")}, options={"movflags": "faststart"}
    )
    with http_server(tmp_path) as url:
        source = open_source(f"{url}/{path.name}", settings=QUICK)
        assert (source.live, source.name) == (False, "clip")
        reading = read(source)
    assert reading.tone_onset() == pytest.approx(1.0, abs=0.005)
    assert reading.light_onset() == pytest.approx(1.0, abs=0.005)
    assert {change.reason for change in reading.changes if change.state == "down"} == {"end of file"}


@pytest.mark.parametrize("kind", ["mkv", "ts"])
def test_a_server_that_dies_mid_way_is_said(tmp_path: Path, kind: str) -> None:
    path = write_clip(tmp_path / f"clip.{kind}", **CLIP, duration=6.0, onset=0.5)
    with http_server(tmp_path, break_after=path.stat().st_size // 2) as url:
        reading = read(open_source(f"{url}/{path.name}", settings=QUICK))
    assert 2.0 < reading.chunks[-1].end < 4.0
    for medium in ("audio", "video"):
        change = reading.last_change(medium)
        assert change.state == "down"
        assert any(
            word in change.reason for word in ("cannot be read on", "cut off", "nothing can be read")
        ), change.reason


def test_a_truncated_file_behind_http(tmp_path: Path) -> None:
    path = cut_off(write_clip(tmp_path / "clip.mkv", **CLIP, duration=6.0, onset=0.5), 0.5)
    with http_server(tmp_path) as url:
        reading = read(open_source(f"{url}/{path.name}", settings=QUICK))
    assert "cut off" in reading.last_change("audio").reason


def test_a_file_behind_http_whose_connection_breaks_is_read_on_where_it_broke(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", **CLIP, duration=6.0, onset=0.5)
    with http_server(tmp_path, break_after=path.stat().st_size // 3, ranges=True) as url:
        behind = read(open_source(f"{url}/{path.name}", settings=QUICK))
    whole = read(open_source(str(path), settings=QUICK))
    assert np.array_equal(behind.samples, whole.samples) and len(behind.frames) == len(whole.frames)
    assert {change.reason for change in behind.changes if change.state == "down"} == {"end of file"}


@pytest.mark.parametrize("kind", ["ogg", "mkv", "ts"])
def test_a_file_behind_http_that_states_no_duration_is_read_once(tmp_path: Path, kind: str) -> None:
    audio = AudioSpec({"ogg": "vorbis", "mkv": "flac", "ts": "mp2"}[kind])
    if audio.codec == "vorbis" and "libopus" in av.codecs_available:
        audio = AudioSpec("libopus")
    path = write_clip(tmp_path / f"clip.{kind}", audio=audio, options={"live": "1"} if kind == "mkv" else {})
    with http_server(tmp_path) as url:
        source = open_source(f"{url.replace('http', 'HTTP')}/{path.name}", settings=QUICK)
        assert not source.live
        reading = read(source)
    assert np.array_equal(reading.samples, read(open_source(str(path), settings=QUICK)).samples)
    assert reading.last_change("audio").reason == "end of file"


def test_a_recording_of_which_nothing_is_stated_is_played_once(tmp_path: Path) -> None:
    """It looks like a live stream until it has ended in order and its server begins it again."""
    path = write_clip(
        tmp_path / "clip.mkv", audio=AudioSpec("flac"), options={"live": "1"}, duration=2.5, onset=0.3
    )
    with http_server(tmp_path, stated=False) as url:
        source = open_source(f"{url}/{path.name}", settings=QUICK)
        assert source.live
        reading = read(source, seconds=10.0)
    assert len(reading.samples) / AUDIO_RATE == pytest.approx(2.5, abs=0.03)
    assert [(change.state, change.reason) for change in reading.changes if change.medium == "audio"] == [
        ("up", "connected"),
        ("down", "the sender ended the stream"),
    ]


def test_a_live_stream_is_stamped_when_it_was_sent_and_sound_and_picture_agree() -> None:
    with tcp_sender(duration=10.0, onset=2.5) as sender:
        source = open_source(sender.url.replace("//", "//user:secret@"), settings=QUICK)
        assert source.live
        assert "secret" not in source.description
        clock = SessionClock()
        reading = read(source, seconds=3.0, clock=clock)
        sent = clock.at(round(sender.pace.begun[0] * 1e9)) + 2.5
    assert reading.tone_onset() == pytest.approx(reading.light_onset(), abs=0.05)
    assert sent < reading.tone_onset() < sent + 0.6  # what the sender's encoder and multiplexer hold back
    assert all(abs(b.start - a.end) < 1e-6 for a, b in pairwise(reading.chunks))
    assert reading.chunks[0].start >= 0.0
    assert [(change.medium, change.state) for change in reading.changes] == [("audio", "up"), ("video", "up")]


def test_of_several_audio_tracks_of_a_live_stream_the_first_that_sounds_is_heard_once_it_does() -> None:
    with tcp_sender(duration=10.0, onset=1.5, silent_first=True) as sender:
        reading = read(open_source(sender.url, settings=QUICK), seconds=3.0)
    assert reading.tone_onset() == pytest.approx(reading.light_onset(), abs=0.05)
    assert all(a.end <= b.start + 1e-6 and b.start - a.end < 0.15 for a, b in pairwise(reading.chunks))
    assert [(change.medium, change.state) for change in reading.changes] == [("audio", "up"), ("video", "up")]


def test_a_sender_that_hangs_up_is_down_and_then_connected_to_again() -> None:
    with tcp_sender(duration=10.0, onset=0.0) as sender:
        items = items_of(open_source(sender.url, settings=QUICK))
        states: list[tuple[str, str]] = []
        deadline = time.monotonic() + 20.0
        while states.count(("audio", "up")) < 2 and time.monotonic() < deadline:
            item = next(items)
            if isinstance(item, MediumChange):
                states.append((item.medium, item.state))
            elif len(states) == 2:
                sender.hang_up()
        assert isinstance(next(item for item in items if not isinstance(item, MediumChange)), object)
        items.close()
    both = ["audio", "video"]
    assert states[:5] == [*((m, "up") for m in both), *((m, "down") for m in both), ("audio", "up")]


def test_a_stream_over_http_without_an_end_is_live() -> None:
    with tcp_sender(scheme="http", duration=10.0, onset=0.0) as sender:
        source = open_source(sender.url, settings=QUICK)
        assert source.live
        items = items_of(source)
        assert any(isinstance(item, AudioChunk) for item in items)
        sender.hang_up()
        lost = next(item for item in items if isinstance(item, MediumChange) and item.state == "down")
        assert lost.reason.startswith(("the sender ended the stream", "the connection was lost"))
        items.close()


def test_udp_is_received_and_silence_is_a_loss() -> None:
    address = f"udp://127.0.0.1:{free_udp_port()}"
    pace = Pace()

    def send() -> None:
        to = address + "?pkt_size=1316"
        write_clip(to, **CLIP, format="mpegts", options=LOW_DELAY, pace=pace, duration=10.0)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        source = open_source(address, settings=QUICK.model_copy(update={"connect_timeout": 2.0}))
        items = items_of(source)
        assert any(isinstance(item, AudioChunk) for item in items)
        pace.ending.set()
        down = next(item for item in items if isinstance(item, MediumChange) and item.state == "down")
        assert "no data for 2 s" in down.reason
        items.close()
    finally:
        pace.ending.set()
        sender.join()


def test_stop_ends_a_live_stream_within_a_moment() -> None:
    with tcp_sender(duration=10.0) as sender:
        source = open_source(sender.url, settings=QUICK)
        stop = threading.Event()
        items = source.items(SessionClock(), stop)
        next(items)
        stop.set()
        begun = time.monotonic()
        assert not [item for item in items if isinstance(item, MediumChange) and item.state == "down"]
        assert time.monotonic() - begun < 2.0
    assert not [thread for thread in threading.enumerate() if thread.name == "capture"]


def test_arrivals_are_anchored_at_the_least_delayed_packet() -> None:
    # Half a second came while connecting and waited; only the last packets are fresh.
    clock = ArrivalClock([(10.0 + n / 50, max(5.5, 5.0 + n / 50)) for n in range(40)], begun=5.0)
    assert clock.at(10.0) == pytest.approx(5.0)


def test_a_server_that_sends_a_recording_at_once_is_played_from_its_first_arrival() -> None:
    clock = ArrivalClock([(100.0 + n, 5.0 + n / 1_000) for n in range(30)], begun=4.9)
    assert clock.at(100.0) == pytest.approx(5.0, abs=0.05)
    for ahead in (100.0, 100.5, 130.0):  # no news of the sender's clock
        clock.observe(ahead, 5.1)
    assert clock.at(130.0) == pytest.approx(35.0, abs=0.05)


def test_a_jump_of_the_senders_clock_begins_anew_and_old_frames_keep_their_place() -> None:
    clock = ArrivalClock([(10.0, 0.0), (10.02, 0.02)], begun=0.0)
    for n in range(100):
        clock.observe(10.0 + n / 50, n / 50)
    clock.observe(5_000.0, 2.0)
    assert clock.at(5_000.02) == pytest.approx(2.02)
    assert clock.at(11.98) == pytest.approx(1.98)  # still in the decoder
    clock.observe(3.0, 2.04)
    assert clock.at(3.0) == pytest.approx(2.04)
