"""Pipes are read once, from their beginning on, as a file would be; what cannot come through one is
refused."""

import io
import math
import os
import pty
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.files import pipe
from emotrack.stream.sources.media import MediumChange, due
from emotrack.stream.sources.open import open_source, open_sources
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.sources.timing.timeline import duration_of
from helpers.media.clips import AudioSpec, VideoSpec, read, without_sound_after, write_clip
from helpers.media.senders import piped

KINDS = {
    "ts": (VideoSpec("mpeg2video"), AudioSpec("mp2")),
    "mkv": (VideoSpec("mpeg4"), AudioSpec("flac")),
    "avi": (VideoSpec("mpeg4"), AudioSpec("pcm_s16le")),
    "flac": (None, AudioSpec("flac")),
    "wav": (None, AudioSpec("pcm_s16le")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_through_a_pipe_is_what_the_file_gives(tmp_path: Path, kind: str) -> None:
    video, audio = KINDS[kind]
    path = write_clip(tmp_path / f"clip.{kind}", video=video, audio=audio, onset=0.5)
    whole = read(open_source(str(path)))
    with piped(path.read_bytes()) as name:
        source = open_source(name)
        assert (source.live, source.name, source.description) == (False, "pipe", name)
        once = read(source)
    assert [due(item) for item in once.items if not isinstance(item, MediumChange)] == [
        due(item) for item in whole.items if not isinstance(item, MediumChange)
    ]
    assert np.array_equal(once.samples, whole.samples)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(once.frames, whole.frames, strict=True))
    assert {change.reason for change in once.changes if change.state == "down"} <= {
        "end of file",
        "the pipe has no video track",
    }


def test_media_far_apart_in_a_pipe_do_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long picture without sound next to it no more waits than is allowed, and all of it is given."""
    video, audio = KINDS["ts"]
    whole = write_clip(tmp_path / "whole.mkv", video=video, audio=audio, duration=4.0)
    path = without_sound_after(0.5, whole, tmp_path / "clip.ts")
    waited: list[int] = []
    take = pipe._Demuxer._take_packet

    def watched(reading: pipe._Demuxer) -> None:
        take(reading)
        waited.append(max(reading._bytes.values()))

    monkeypatch.setattr(pipe._Demuxer, "_take_packet", watched)
    monkeypatch.setattr(pipe, "LARGEST_WAIT", 2_000)
    with piped(path.read_bytes()) as name:
        reading = read(open_source(name))
    assert (
        2_000 < max(waited) < 20_000
    )  # the last packet was taken before it could be seen that it is too much
    assert len(reading.frames) == 40
    for medium in (reading.chunks, reading.frames):
        assert [due(item) for item in medium] == sorted(due(item) for item in medium)


def test_a_named_pipe_is_read_when_somebody_writes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.ts", audio=AudioSpec("mp2"))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Timer(0.3, lambda: fifo.write_bytes(path.read_bytes()))
    writer.start()
    reading = read(open_source(str(fifo), settings=SourceSettings(start_seconds=10)))
    writer.join()
    assert np.array_equal(reading.samples, read(open_source(str(path))).samples)


def test_a_pipe_into_which_nobody_writes_is_told_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "PATIENCE", 0.1)
    fifo, told = tmp_path / "fifo", list[str]()
    os.mkfifo(fifo)
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"nothing was written to .*fifo within 0\.5 s"):
        open_sources([str(fifo)], settings=SourceSettings(start_seconds=0.5), notify=told.append)
    assert 0.5 <= time.monotonic() - begun < 3
    assert told == [f"waiting for something to be written to {fifo}, 0.5 s at most."]


def test_a_pipe_in_which_the_media_stop_before_they_can_be_told_is_given_up(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "clip.ts", audio=AudioSpec("mp2")).read_bytes()
    reading, writing = os.pipe()
    os.write(writing, data[:400])
    try:
        with pytest.raises(UserError, match=r"cannot be read from a pipe \(nothing more came for 0\.3 s\)"):
            open_source(f"/dev/fd/{reading}", settings=SourceSettings(start_seconds=0.3))
    finally:
        os.close(reading)
        os.close(writing)


def test_stop_ends_a_pipe_into_which_nobody_writes_any_more(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "clip.ts", audio=AudioSpec("mp2"), duration=4.0).read_bytes()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    assert os.write(writing, data) > 20_000
    try:
        source = open_source(f"/dev/fd/{reading}")
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        begun = time.monotonic()
        assert len(list(source.items(SessionClock(), stop))) > 2
        assert time.monotonic() - begun < 2.0
    finally:
        os.close(reading)
        os.close(writing)


def test_when_the_media_end_who_writes_on_learns_that_nobody_reads(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    data = write_clip(tmp_path / "clip.ts", audio=AudioSpec("mp2"), duration=0.5).read_bytes()
    writer = threading.Thread(target=lambda: os.write(writing, data))
    writer.start()
    source = open_source(f"/dev/fd/{reading}", settings=SourceSettings(start_seconds=5))
    writer.join()
    os.close(reading)
    stop = threading.Event()
    stop.set()
    list(source.items(SessionClock(), stop))
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"more")
    os.close(writing)


def mp4_with_its_index_at_the_end(folder: Path) -> bytes:
    clip = VideoSpec(width=640, height=480)
    return write_clip(folder / "clip.mp4", video=clip, audio=AudioSpec("aac"), duration=4.0).read_bytes()


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (mp4_with_its_index_at_the_end, "An MP4 whose index lies at its end must be given as a file"),
        (lambda _: np.random.default_rng(1).bytes(200_000), "cannot be read from a pipe"),
        (lambda _: b"This is no video.\n" * 200, "cannot be read from a pipe"),
        (lambda _: b"", "is empty"),
    ],
)
def test_what_cannot_come_through_a_pipe_is_refused(
    tmp_path: Path, make: Callable[[Path], bytes], cause: str
) -> None:
    with piped(make(tmp_path)) as name, pytest.raises(UserError, match=cause):
        open_source(name)


def chunk(name: bytes, contents: bytes) -> bytes:
    return name + struct.pack("<I", len(contents)) + contents


BEFORE = chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 4) + b"made")
BEHIND = {
    "nothing": b"",
    "padding": bytes(100),
    "list": chunk(b"LIST", b"INFOICMT" + struct.pack("<I", 20_000) + b"\x55" * 20_000),
    "two chunks": chunk(b"id3 ", b"\x55" * 6_000) + chunk(b"LIST", b"\x55" * 6_000),
}
"""What may follow the sound of a WAV file."""


@pytest.mark.parametrize("before", [b"", BEFORE], ids=["bare", "described"])
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("stated", [1.0, 0.2, 0.0, math.inf, 1.4], ids=lambda part: f"states {part}")
def test_all_of_the_sound_of_a_wav_is_heard_and_nothing_else(
    stated: float, behind: str, before: bytes
) -> None:
    """Whatever part of its length the header states; unless it is the length itself, nobody can know what
    follows the sound."""
    samples = np.random.default_rng(0).integers(-9_000, 9_000, 20_000).astype("<i2")
    length = 2**32 - 1 if stated == math.inf else round(stated * samples.nbytes)
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8_000, 16_000, 2, 16))
    sound = b"data" + struct.pack("<I", length) + samples.tobytes()
    data = b"WAVE" + before + form + sound + (BEHIND[behind] if stated == 1.0 else b"")
    with piped(chunk(b"RIFF", data)) as name:
        reading = read(open_source(name))
    ended = reading.last_change("audio")
    assert ended.time == pytest.approx(2.5, abs=0.01) and ended.reason == "end of file"
    assert len(reading.samples) / 32_000 == pytest.approx(2.5, abs=0.01)


def test_what_a_pipe_ends_with_too_early_is_told_of_a_pipe(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "clip.flac", audio=AudioSpec("flac"), duration=2.0).read_bytes()
    with piped(data[: len(data) // 2]) as name:
        reason = read(open_source(name)).last_change("audio").reason
    assert reason is not None and "the pipe is cut off" in reason


def test_a_terminal_is_no_pipe() -> None:
    keyboard, screen = pty.openpty()
    try:
        with pytest.raises(UserError, match="is a terminal"):
            open_source(f"/dev/fd/{screen}")
    finally:
        os.close(keyboard)
        os.close(screen)


def test_a_descriptor_that_is_closed_is_refused() -> None:
    with pytest.raises(UserError, match="is closed"):
        open_source("/dev/fd/987")


def test_stdin_that_is_a_file_is_read_as_one(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", video=VideoSpec(), audio=AudioSpec("aac"))
    with path.open("rb") as file:
        reading = read(open_source(f"/dev/fd/{file.fileno()}"))
    assert np.array_equal(reading.samples, read(open_source(str(path))).samples)


@pytest.mark.parametrize("names", [("{}", "{}"), ("{}", "file://{}"), ("file://{}", "alice={}")])
def test_a_pipe_that_is_given_twice_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(UserError, match="is given twice, but can be read only once"):
        open_sources([name.format(fifo) for name in names])


@pytest.mark.parametrize("joined", [False, True], ids=["beside", "joined"])
def test_a_pipe_is_let_go_when_what_was_to_be_tracked_with_it_cannot_be(tmp_path: Path, joined: bool) -> None:
    path = write_clip(tmp_path / "clip.ts", audio=AudioSpec("mp2"), duration=4.0)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.write(writing, path.read_bytes())
    name = f"/dev/fd/{reading}"
    with pytest.raises(UserError, match="joins two sources of audio" if joined else "there is no file"):
        open_sources([f"{name}+{path}"] if joined else [name, str(tmp_path / "missing.ts")])
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"more")
    os.close(writing)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.ts", audio=AudioSpec("mp2"), duration=0.5)
    with piped(path.read_bytes()) as name:
        source = open_source(name)
        assert read(source).chunks
        with pytest.raises(UserError, match="only once"):
            read(source)


class Stream:
    """Bytes that come once, as from a sender."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._data.read(size)


def test_a_stated_length_of_nothing_is_none(tmp_path: Path) -> None:
    """FLV that goes on, or that its writer could not finish, says 0."""
    data = write_clip(tmp_path / "clip.flv", video=VideoSpec("flv1"), audio=None).read_bytes()
    at = data.index(b"duration") + len("duration") + 1
    with (
        av.open(Stream(data)) as finished,
        av.open(Stream(data[:at] + bytes(8) + data[at + 8 :])) as unfinished,
    ):
        assert (duration_of(finished), duration_of(unfinished)) == (2.0, None)
