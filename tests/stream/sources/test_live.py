"""Cameras through FFmpeg's device layer, sources joined to one feed, and the bounded buffer behind both."""

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.decode import VideoTrack
from emotrack.stream.sources.devices import camera, listing
from emotrack.stream.sources.devices.camera import FORMATS, captured_at
from emotrack.stream.sources.devices.listing import device_remarks, list_devices
from emotrack.stream.sources.live import Captured, Lost, captured, kept_up
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediaItem, MediumChange, VideoFrame
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.delivery import CAPTURED, MEDIA_TRAITS, Delivery
from helpers.media.clips import items_of, read
from helpers.media.fake_sounddevice import FakeSoundDevice

CAMERA = "camera:lavfi:testsrc2=size=320x240:rate=30"
QUICK = SourceSettings(retry_first=0.05, retry_longest=0.1)


def chunk(start: float, seconds: float = 0.1) -> AudioChunk:
    return AudioChunk(start, np.zeros(round(seconds * AUDIO_RATE), np.float32))


def frame(at: float) -> VideoFrame:
    return VideoFrame(at, np.zeros((2, 2, 3), np.uint8))


def test_a_synthetic_camera_runs_in_real_time() -> None:
    source = open_source(CAMERA)
    assert (source.name, source.live, source.description) == ("camera", True, CAMERA)
    clock = SessionClock()
    reading = read(source, seconds=1.05, clock=clock)
    assert 5 <= len(reading.frames) <= 12
    steps = np.diff([one.time for one in reading.frames])
    assert np.median(steps) == pytest.approx(0.1, abs=0.01)
    assert reading.frames[-1].time <= clock.now()
    assert reading.frames[0].image.shape == (240, 320, 3)
    assert [(change.medium, change.state) for change in reading.changes] == [("video", "up")]


def test_a_camera_that_ends_is_down_and_opened_again() -> None:
    source = open_source("camera:lavfi:testsrc2=size=64x48:rate=30:duration=0.3", settings=QUICK)
    states = [change.state for change in read(source, seconds=1.0).changes]
    assert states[:3] == ["up", "down", "up"]


def test_a_camera_and_a_microphone_are_one_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice())
    source = open_source(f"{CAMERA}+mic:default")
    assert (source.name, source.live) == ("camera-mic", True)
    reading = read(source, seconds=1.0)
    assert len(reading.frames) >= 4
    assert len(reading.samples) > 0.7 * AUDIO_RATE
    assert {(change.medium, change.state) for change in reading.changes} == {("audio", "up"), ("video", "up")}
    assert not [thread for thread in threading.enumerate() if thread.name == "capture"]


def test_every_platform_has_its_device_format() -> None:
    named = {platform: (format.name, format.address("0")) for platform, format in FORMATS.items()}
    assert named == {
        "linux": ("v4l2", "0"),
        "darwin": ("avfoundation", "0:none"),
        "win32": ("dshow", "video=0"),
    }


def test_linux_cameras_are_listed_and_opened_by_number_path_and_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number, (name, index) in enumerate(
        [("Front camera", "0"), ("Front camera", "1"), ("USB camera", "0")]
    ):
        folder = tmp_path / f"video{number}"
        folder.mkdir()
        (folder / "name").write_text(name + "\n")
        (folder / "index").write_text(index + "\n")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(listing, "LINUX_CAMERAS", tmp_path)
    listed = [device for device in list_devices() if device.kind == "camera"]
    assert [(device.id, device.name, device.detail) for device in listed] == [
        ("camera:0", "Front camera", "v4l2, /dev/video0"),
        ("camera:2", "USB camera", "v4l2, /dev/video2"),
    ]
    assert "no camera is connected." not in device_remarks()
    opened: list[tuple[str, str | None]] = []

    def refuse(address: str, *, format: str | None, options: object) -> None:
        opened.append((address, format))
        raise ValueError("no camera here")

    monkeypatch.setattr(camera, "open_container", refuse)
    for text in ("camera:2", "camera:/dev/video2", "camera:usb camera"):
        with pytest.raises(UserError, match="no camera here"):
            open_source(text)
    assert opened == [("/dev/video2", "v4l2")] * 3
    with pytest.raises(UserError, match="there is no camera '7'; there are: camera:0, camera:2"):
        open_source("camera:7")


def test_devices_are_listed_where_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = FakeSoundDevice()
    module.plugged = False
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(listing, "LINUX_CAMERAS", tmp_path / "none")
    assert list_devices() == []
    assert len(device_remarks()) == 2


def test_a_drivers_stamp_is_taken_where_it_is_the_monotonic_clocks() -> None:
    clock = SessionClock(start_monotonic_ns=time.monotonic_ns() - 5 * 10**9)
    assert captured_at(time.monotonic() - 0.05, clock) == pytest.approx(clock.now() - 0.05, abs=0.02)
    for foreign in (0.033, time.time()):
        assert captured_at(foreign, clock) == pytest.approx(clock.now(), abs=0.02)


def test_the_latest_picture_wins_and_audio_waits_in_order() -> None:
    buffer = Delivery(CAPTURED, MEDIA_TRAITS, feeds=1)
    for item in (frame(0.0), chunk(0.0), frame(0.3), chunk(0.1)):
        buffer.put(0, item)
    given = [arrival and arrival.item for arrival in [buffer.get(0.0) for _ in range(4)]]
    assert [type(item) for item in given] == [AudioChunk, AudioChunk, VideoFrame, type(None)]


def test_audio_over_the_limit_is_cut_and_the_gap_reported() -> None:
    buffer = Delivery(replace(CAPTURED, audio=replace(CAPTURED.audio, limit=1.0)), MEDIA_TRAITS, feeds=1)
    up = MediumChange(0.0, "audio", "up", "here")
    buffer.put(0, up)
    for n in range(12):
        buffer.put(0, chunk(n / 10))
    given = [arrival and arrival.item for arrival in [buffer.get(0.0) for _ in range(6)]]
    assert given[0] == up
    degraded, better = given[1], given[2]
    assert isinstance(degraded, MediumChange) and isinstance(better, MediumChange)
    assert (degraded.time, degraded.state) == (0.0, "degraded")
    assert degraded.reason == "1.0 s of audio were dropped, since they were not processed in time"
    assert better.time == pytest.approx(1.0) and better.state == "up"
    assert isinstance(given[3], AudioChunk) and given[3].start == pytest.approx(1.0)
    assert isinstance(given[4], AudioChunk) and given[5] is None


def test_what_a_capture_dies_of_reaches_the_consumer_while_another_goes_on() -> None:
    def broken(clock: SessionClock, stop: threading.Event) -> Captured:
        yield chunk(0.0)
        raise RuntimeError("the driver is broken")

    def endless(clock: SessionClock, stop: threading.Event) -> Captured:
        while not stop.wait(0.05):
            yield frame(clock.now())

    items = captured([broken, endless], SessionClock(), threading.Event())
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="the driver is broken"):
        list(items)
    assert time.monotonic() - begun < 2.0


def test_half_of_a_feed_that_breaks_is_told_down_at_once_and_tried_again_while_the_other_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it breaks of: a driver's error of any kind, not only that its device was lost."""
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice())
    plain, broken = VideoTrack.push, iter([True])

    def push(*arguments: Any) -> VideoFrame | None:
        if next(broken, False):
            raise RuntimeError("the driver is broken")
        return plain(*arguments)

    monkeypatch.setattr(VideoTrack, "push", push)
    items = items_of(open_source(f"{CAMERA}+mic:default", settings=QUICK))
    seen: list[MediaItem] = []
    for item in items:
        seen.append(item)
        if isinstance(item, VideoFrame):
            break
    items.close()
    told = [
        (item.state, item.reason)
        for item in seen
        if isinstance(item, MediumChange) and item.medium == "video"
    ]
    assert told == [
        ("up", "camera opened"),
        ("down", "the camera was lost: RuntimeError: the driver is broken"),
        ("up", "camera opened"),
    ]
    assert not [
        item
        for item in seen
        if isinstance(item, MediumChange) and item.medium == "audio" and item.state != "up"
    ]


def test_a_capture_that_fails_in_any_way_is_down_and_tried_again() -> None:
    failures: list[Exception] = [
        IndexError("list index out of range"),
        OSError(5, "Input/output error"),
        Lost("pulled out"),
    ]
    given = iter(failures)

    def read_once(number: int) -> Captured:
        yield MediumChange(0.0, "video", "up", "connected")
        if failure := next(given, None):
            raise failure

    items = kept_up(lambda: 1, read_once, frozenset({"video"}), QUICK, SessionClock(), threading.Event())
    changes = [item for item in items if isinstance(item, MediumChange)]
    assert [change.reason for change in changes if change.state == "down"] == [
        "reading failed: IndexError: list index out of range",
        "reading failed: Input/output error",
        "pulled out",
    ]
    assert len(changes) == 7


def test_retries_wait_longer_each_time_and_down_is_said_once() -> None:
    attempts: list[float] = []
    stop = threading.Event()

    def connect() -> int:
        attempts.append(time.monotonic())
        if len(attempts) in (1, 5):
            return len(attempts)
        raise UserError("not there")

    def read_once(number: int) -> Captured:
        yield MediumChange(0.0, "audio", "up", "connected")
        yield chunk(0.0)
        if number == 1:
            raise Lost("pulled out")

    settings = SourceSettings(retry_first=0.05, retry_longest=0.2)
    items = list(kept_up(connect, read_once, frozenset({"audio"}), settings, SessionClock(), stop))
    changes = [item for item in items if isinstance(item, MediumChange)]
    assert [(change.state, change.reason) for change in changes] == [
        ("up", "connected"),
        ("down", "pulled out"),
        ("up", "connected"),
    ]
    waits = np.diff(attempts)
    assert len(waits) == 4
    assert all(wait >= least for wait, least in zip(waits, (0.05, 0.1, 0.2, 0.2), strict=True))
