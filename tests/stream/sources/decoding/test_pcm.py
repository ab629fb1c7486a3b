"""Raw samples through a pipe are what the same samples in a WAV file are; what they are not said to be, or
cannot be, is refused in a sentence."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from emotrack.demo import clip_path
from emotrack.demo.render import LINES
from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.media import due
from emotrack.stream.sources.open import open_source, open_sources, source_name
from helpers.media.clips import AudioSpec, read, write_clip


@contextmanager
def standard_input(descriptor: int) -> Iterator[None]:
    """A descriptor as the process's standard input, which takes it over."""
    before = os.dup(0)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


@contextmanager
def written(content: bytes, *, parts: int = 1) -> Iterator[None]:
    """Somebody who writes this into our standard input, in so many parts."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for part in np.array_split(np.frombuffer(content, np.uint8), parts):
                pipe.write(part.tobytes())

    thread = threading.Thread(target=write)
    with standard_input(reading):
        thread.start()
        try:
            yield
        finally:
            thread.join()


def raw_of(path: Path) -> bytes:
    """The samples of a WAV file."""
    content = path.read_bytes()
    return content[content.index(b"data") + 8 :]


@pytest.mark.parametrize("parts", [1, 1_001])
@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("pcm:16000", AudioSpec("pcm_s16le", 16_000, "mono")),
        ("pcm:48000,2", AudioSpec("pcm_s16le", 48_000, "stereo")),
        ("pcm:44100,f32le", AudioSpec("pcm_f32le", 44_100, "mono")),
        ("pcm:8000,2,f32le", AudioSpec("pcm_f32le", 8_000, "stereo")),
    ],
)
def test_raw_samples_are_what_a_file_of_them_is(
    tmp_path: Path, text: str, spec: AudioSpec, parts: int
) -> None:
    path = write_clip(tmp_path / "clip.wav", audio=spec, onset=0.5)
    whole = read(open_source(str(path)))
    with written(raw_of(path), parts=parts):
        source = open_source(text)
        once = read(source)
    assert (source.name, source.live) == ("stdin", False)
    assert np.array_equal(once.samples, whole.samples)
    assert due(once.chunks[-1]) == due(whole.chunks[-1])
    assert [(one.medium, one.state) for one in once.changes] == [
        (one.medium, one.state) for one in whole.changes
    ]


def test_a_file_may_be_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "samples.raw"
    path.write_bytes((np.sin(np.arange(16_000) / 10) * 9_000).astype("<i2").tobytes())
    with standard_input(os.open(path, os.O_RDONLY)):
        reading = read(open_source("pcm:16000"))
    assert len(reading.samples) == 32_000
    assert reading.last_change("audio").reason == "end of file"


@pytest.mark.parametrize("torn", range(1, 4))
def test_a_sample_that_is_torn_at_the_end_is_left_out(torn: int) -> None:
    samples = np.full((8_000, 2), 0.25, "<f4").tobytes()
    with written(samples + b"\x7f" * torn):
        reading = read(open_source("pcm:8000,2,f32le"))
    assert len(reading.samples) == 32_000
    assert np.abs(reading.samples).max() < 0.3


def test_channels_that_are_no_loudspeakers_are_all_heard() -> None:
    """Of what FFmpeg takes four channels for, one would be left out or weigh less."""
    for channel in range(4):
        samples = np.zeros((8_000, 4), "<i2")
        samples[:, channel] = 8_000
        with written(samples.tobytes()):
            loud = read(open_source("pcm:8000,4")).samples
        assert np.median(loud) == pytest.approx(8_000 / 32_768 / 4, rel=0.01)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("pcm:", "is not how raw samples are described"),
        ("pcm:-?rate=16000", "is not how raw samples are described"),
        ("pcm:48k", "is not how raw samples are described"),
        ("pcm:16000,1,s16le,1", "is not how raw samples are described"),
        ("pcm:16000,1234567890", "is not how raw samples are described"),
        ("pcm:999", "has a rate that is not from 1000 to 384000"),
        ("pcm:400000", "has a rate that is not from 1000 to 384000"),
        ("pcm:16000,0", "has not 1 to 8 channels"),
        ("pcm:16000,9", "has not 1 to 8 channels"),
        ("pcm:16000,s24le", "has a format that is none of s16le, f32le"),
        ("pcm:" + "1" * 500, "is not how raw samples are described"),
    ],
)
def test_what_does_not_describe_raw_samples_is_refused(text: str, cause: str) -> None:
    with pytest.raises(UserError, match=cause) as caught:
        open_source(text)
    assert "pcm:RATE[,CHANNELS][,FORMAT]" in str(caught.value) and len(str(caught.value)) < 220


def test_nothing_in_standard_input_is_refused() -> None:
    with written(b""), pytest.raises(UserError, match="is empty"):
        open_source("pcm:16000")


def test_a_writer_who_writes_nothing_is_not_waited_for_for_ever() -> None:
    reading, writing = os.pipe()
    with standard_input(reading), pytest.raises(UserError, match=r"nothing was written .* within 0\.2 s"):
        open_source("pcm:16000", settings=SourceSettings(start_seconds=0.2))
    os.close(writing)


def test_a_terminal_is_refused() -> None:
    ours, theirs = pty.openpty()
    try:
        with (
            standard_input(theirs),
            pytest.raises(UserError, match=r"is a terminal; .*emotrack run pcm:16000"),
        ):
            open_source("pcm:16000")
    finally:
        os.close(ours)


@pytest.mark.parametrize("other", ["-", "pcm:8000", "/dev/stdin"])
def test_standard_input_is_read_by_one_source(other: str) -> None:
    with written(b"\0" * 4_000), pytest.raises(UserError, match="can be read only once"):
        open_sources(["pcm:16000", other])


def test_a_file_that_is_called_so_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clip.wav", audio=AudioSpec("pcm_s16le")).rename(tmp_path / "pcm:16000")
    monkeypatch.chdir(tmp_path)
    assert source_name("pcm:16000") != "stdin"
    assert read(open_source("pcm:16000")).samples.any()


def test_labels_of_raw_samples_are_those_of_the_file(tmp_path: Path) -> None:
    """The first line of the demonstration by the command line, once as a WAV file and once through a pipe."""
    path = tmp_path / "clip.wav"
    with av.open(str(clip_path())) as clip, av.open(str(path), "w") as wav:
        stream = wav.add_stream("pcm_s16le", rate=16_000, layout="mono")
        resampler = av.AudioResampler("s16", "mono", 16_000)
        for frame in clip.decode(audio=0):
            if frame.time is not None and frame.time < LINES[1].start - 0.5:
                for part in resampler.resample(frame):
                    wav.mux(stream.encode(part))
        wav.mux(stream.encode(None))
    usual = [sys.executable, "-m", "emotrack.cli", "run", "--fast", "--publish", "none", "--jsonl", "-"]
    usual += ["--set", "stream.speakers.mode=feed"]
    told = []
    for source, given in ((f"stdin={path}", None), ("pcm:16000", raw_of(path))):
        done = subprocess.run([*usual, source], input=given, capture_output=True, check=True)
        messages = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
        finals = [one for one in messages if one["type"] == "emotion" and one["state"] == "final"]
        told.append([(one["start"], one["end"], one["scores"], one["transcript"]) for one in finals])
    assert told[0] == told[1] and len(told[0]) == 1
