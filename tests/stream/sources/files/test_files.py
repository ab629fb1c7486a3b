"""Files of every kind are read with the right stamps, rates and sizes."""

import os
import struct
import sys
import threading
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.files.file import FileSource
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediumChange, due
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.clock import SessionClock
from helpers.media.clips import (
    AudioSpec,
    RechunkedSource,
    Tracks,
    VideoSpec,
    read,
    tone,
    turn_display,
    without_sound_after,
    write_clip,
)

OPTIONAL_ENCODERS = {"libx264", "libx265", "libvpx", "libopus", "libmp3lame"}
"""Encoders that a build of PyAV may lack; every other one is part of FFmpeg itself."""

CLIPS = {
    "h264-aac.mp4": (VideoSpec("libx264"), AudioSpec("aac")),
    "mpeg4-aac-44100.mp4": (VideoSpec("mpeg4"), AudioSpec("aac", 44_100)),
    "h265-silent.mp4": (VideoSpec("libx265"), None),
    "120-fps-ac3.mp4": (VideoSpec("mpeg4", rate=120), AudioSpec("ac3")),
    "prores-10-bit.mov": (VideoSpec("prores", pixels="yuv422p10le"), AudioSpec("pcm_s16le")),
    "h264-opus.mkv": (VideoSpec("libx264"), AudioSpec("libopus")),
    "grey-flac.mkv": (VideoSpec("ffv1", pixels="gray"), AudioSpec("flac")),
    "variable.mkv": (
        VideoSpec("mpeg4", times=[0, 0.1, 0.15, 0.5, 0.9, 1.0, 1.02, 1.5, 1.9]),
        AudioSpec("aac"),
    ),
    "vp8-opus.webm": (VideoSpec("libvpx"), AudioSpec("libopus")),
    "mjpeg-pcm.avi": (VideoSpec("mjpeg", pixels="yuvj420p"), AudioSpec("pcm_s16le")),
    "8-khz-mono.wav": (None, AudioSpec("pcm_s16le", 8_000, "mono")),
    "48-khz-5.1.wav": (None, AudioSpec("pcm_s16le", 48_000, "5.1", loud=2)),
    "24-bit-96-khz.wav": (None, AudioSpec("pcm_s24le", 96_000)),
    "audio.flac": (None, AudioSpec("flac", 22_050)),
    "audio.mp3": (None, AudioSpec("libmp3lame", 44_100)),
    "opus.ogg": (None, AudioSpec("libopus")),
    "audio.m4a": (None, AudioSpec("aac")),
}
STREAM_CLIPS = {
    "h264-aac.ts": (VideoSpec("libx264"), AudioSpec("aac")),
    "h264-aac.flv": (VideoSpec("libx264"), AudioSpec("aac")),
    "mpeg2-mp2.mpg": (VideoSpec("mpeg2video"), AudioSpec("mp2")),
}


def clip(folder: Path, name: str, **changes: Any) -> Path:
    video, audio = (CLIPS | STREAM_CLIPS)[name]
    for spec in (video, audio):
        if spec is not None and spec.codec in OPTIONAL_ENCODERS - av.codecs_available:
            pytest.skip(f"this build of PyAV has no encoder {spec.codec}")
    return write_clip(folder / name, video=video, audio=audio, **changes)


@pytest.mark.parametrize("name", CLIPS)
def test_every_kind_of_file_is_stamped_to_five_milliseconds(tmp_path: Path, name: str) -> None:
    video, audio = CLIPS[name]
    reading = read(open_source(str(clip(tmp_path, name))))
    if audio is not None:
        assert reading.tone_onset() == pytest.approx(1.0, abs=0.005)
        assert len(reading.samples) / AUDIO_RATE == pytest.approx(2.0, abs=0.03)
        assert all(chunk.samples.dtype == np.float32 and chunk.samples.ndim == 1 for chunk in reading.chunks)
        assert np.abs(reading.samples).max() == pytest.approx(0.5 if audio.loud is None else 0.15, abs=0.05)
    if video is not None:
        assert reading.light_onset() == pytest.approx(1.0, abs=0.005)
        assert reading.frames[0].image.shape == (120, 160, 3)
        assert reading.frames[0].image.dtype == np.uint8
    assert bool(reading.chunks) == (audio is not None)
    assert bool(reading.frames) == (video is not None)


@pytest.mark.parametrize("name", STREAM_CLIPS)
def test_sound_and_picture_keep_their_offset_where_the_first_stamp_is_padding(
    tmp_path: Path, name: str
) -> None:
    source = open_source(str(clip(tmp_path, name)))
    reading = read(source)
    assert min(chunk.start for chunk in reading.chunks) == pytest.approx(0.0, abs=1e-6)
    assert reading.tone_onset() == pytest.approx(reading.light_onset(), abs=0.005)
    assert reading.tone_onset() == pytest.approx(1.0, abs=0.03)


def test_the_first_stamp_of_all_media_is_time_zero(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.mkv", video=VideoSpec(), audio=AudioSpec("flac"), start=7.0)
    reading = read(open_source(str(path)))
    assert reading.tone_onset() == pytest.approx(1.0, abs=0.005)
    assert reading.light_onset() == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("name", ["h264-aac.mp4", "h264-opus.mkv", "mjpeg-pcm.avi", "audio.mp3"])
def test_chunks_join_and_items_are_in_order(tmp_path: Path, name: str) -> None:
    items = read(open_source(str(clip(tmp_path, name)))).items
    times = [due(item) for item in items]
    assert times == sorted(times)
    chunks = [item for item in items if isinstance(item, AudioChunk)]
    assert all(abs(b.start - a.end) < 1e-6 for a, b in pairwise(chunks))
    assert all(len(chunk.samples) <= AUDIO_RATE // 10 for chunk in chunks)


def test_two_readings_of_a_file_are_the_same(tmp_path: Path) -> None:
    source = open_source(str(clip(tmp_path, "h264-aac.mp4")))
    first, second = read(source), read(source)
    assert [due(item) for item in first.items] == [due(item) for item in second.items]
    assert np.array_equal(first.samples, second.samples)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first.frames, second.frames, strict=True))


def test_media_that_lie_one_after_the_other_are_merged_by_time(tmp_path: Path) -> None:
    path = tmp_path / "apart.mov"
    write_clip(path, video=VideoSpec(), audio=AudioSpec("pcm_s16le"), options={"max_interleave_delta": "0"})
    times = [due(item) for item in read(open_source(str(path))).items]
    assert times == sorted(times)


def test_media_say_first_that_they_are_up_and_last_that_they_ended(tmp_path: Path) -> None:
    items = read(open_source(str(clip(tmp_path, "h264-aac.mp4")))).items
    assert items[:2] == [
        MediumChange(0.0, "audio", "up", "start of file"),
        MediumChange(0.0, "video", "up", "start of file"),
    ]
    ends = [item for item in items[2:] if isinstance(item, MediumChange)]
    assert {(end.medium, end.state, end.reason) for end in ends} == {
        ("audio", "down", "end of file"),
        ("video", "down", "end of file"),
    }


def test_a_missing_track_is_said_at_the_start(tmp_path: Path) -> None:
    changes = read(open_source(str(clip(tmp_path, "audio.flac")))).changes
    assert changes[1] == MediumChange(0.0, "video", "down", "the file has no video track")
    changes = read(open_source(str(clip(tmp_path, "h265-silent.mp4")))).changes
    assert changes[0] == MediumChange(0.0, "audio", "down", "the file has no audio track")


def test_the_center_channel_of_5_1_is_heard_and_loud_sound_in_all_is_not_clipped(tmp_path: Path) -> None:
    center = read(open_source(str(clip(tmp_path, "48-khz-5.1.wav")))).samples
    assert 0.1 < np.abs(center).max() < 0.2  # its share of the weights, which sum to one
    for layout in ("stereo", "5.1"):
        every = write_clip(tmp_path / f"{layout}.wav", audio=AudioSpec("pcm_s16le", 48_000, layout))
        assert np.abs(read(open_source(str(every))).samples).max() == pytest.approx(0.5, abs=0.01)


def test_a_stereo_file_whose_channels_are_out_of_phase_is_heard_like_one_of_them(tmp_path: Path) -> None:
    left = np.round(8_000 * tone(2.0, 0.5, 16_000, 1)).astype("<i2")
    for name, channels in (("left", left), ("both", np.concatenate([left, -left]))):
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setnchannels(len(channels))
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(np.ascontiguousarray(channels.T).tobytes())
    one, both = (read(open_source(str(tmp_path / f"{name}.wav"))) for name in ("left", "both"))
    assert both.tone_onset() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(both.samples[AUDIO_RATE:], one.samples[AUDIO_RATE:], atol=1e-4)


@pytest.mark.parametrize("channels", [2, 6, 11, 16])
def test_nameless_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "many.wav"
    with wave.open(str(path), "wb") as file:  # writes no loudspeaker positions
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.full((16_000, channels), 8_192, "<i2").tobytes())
    given = read(open_source(str(path))).samples
    assert len(given) == pytest.approx(AUDIO_RATE, abs=2)
    assert given[AUDIO_RATE // 2] == pytest.approx(0.25, abs=0.001)


def test_frames_are_thinned_to_the_first_at_or_after_each_grid_point(tmp_path: Path) -> None:
    path = clip(tmp_path, "120-fps-ac3.mp4")
    every = [
        frame.time
        for frame in read(open_source(str(path), settings=SourceSettings(max_frame_rate=120))).frames
    ]
    assert len(every) == 240
    few = [
        frame.time for frame in read(open_source(str(path), settings=SourceSettings(max_frame_rate=7))).frames
    ]
    grid = [point / 7 for point in range(14)]
    assert few == [next(time for time in every if time >= point - 1e-6) for point in grid]


def test_large_pictures_are_scaled_down_and_small_ones_not_up(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "large.mp4", video=VideoSpec(width=1920, height=1080), duration=0.2)
    assert read(open_source(str(path))).frames[0].image.shape == (720, 1280, 3)
    small = SourceSettings(max_frame_side=64)
    assert read(open_source(str(path), settings=small)).frames[0].image.shape == (36, 64, 3)


@pytest.mark.parametrize(
    ("matrix", "shape", "corner"),
    [
        ((1, 0, 0, 1), (120, 160), (30, 0)),
        ((0, 1, -1, 0), (160, 120), (0, 66)),  # held a quarter turn to the left
        ((-1, 0, 0, -1), (120, 160), (66, 136)),
        ((0, -1, 1, 0), (160, 120), (136, 30)),
        ((-1, 0, 0, 1), (120, 160), (30, 136)),  # mirrored, as front cameras write
    ],
)
def test_pictures_are_upright(
    tmp_path: Path, matrix: tuple[int, int, int, int], shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    path = turn_display(write_clip(tmp_path / "phone.mp4", video=VideoSpec(), duration=0.2, onset=9), *matrix)
    image = read(open_source(str(path))).frames[0].image
    assert image.shape[:2] == shape
    rows, columns = np.nonzero(image.mean(axis=2) > 200)
    assert (rows.min(), columns.min()) == pytest.approx(corner, abs=1)


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in cover.encode(av.VideoFrame(64, 64, "yuvj420p")):
            container.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4_800), np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        for packet in [*sound.encode(frame), *sound.encode(None)]:
            container.mux(packet)
    source = open_source(str(path))
    assert isinstance(source, FileSource) and source.media == {"audio"}


def test_of_several_audio_tracks_the_default_one_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "languages.mkv"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("pcm_s16le", rate=32_000, layout="mono") for _ in range(2)]
        tracks[0].disposition = av.stream.Disposition.dub
        tracks[1].disposition = av.stream.Disposition.default
        for level, track in zip((0, 8_192), tracks, strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, 4_096), level, np.int16), "s16", "mono")
            frame.sample_rate = 32_000
            for packet in [*track.encode(frame), *track.encode(None)]:
                container.mux(packet)
    assert read(open_source(str(path))).samples[2_000] == pytest.approx(0.25, abs=1e-3)


def recording(path: Path, *tracks: np.ndarray) -> Path:
    """A file with one audio track of int16 [n] at 32 kHz each, as recorders of several devices write."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=AUDIO_RATE, layout="mono") for _ in tracks]
        for first in range(0, len(tracks[0]), 1_600):
            for stream, samples in zip(streams, tracks, strict=True):
                frame = av.AudioFrame.from_ndarray(samples[None, first : first + 1_600], "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, first, Fraction(1, AUDIO_RATE)
                for packet in stream.encode(frame):
                    container.mux(packet)
    return path


@pytest.mark.parametrize("speaks_at", [0.0, 1.5])
def test_of_several_audio_tracks_one_that_sounds_is_heard(tmp_path: Path, speaks_at: float) -> None:
    samples = round(2.0 * AUDIO_RATE)
    voice = np.where(np.arange(samples) >= speaks_at * AUDIO_RATE, 8_192, 0).astype(np.int16)
    silence = np.zeros(samples, np.int16)
    second = read(open_source(str(recording(tmp_path / "second.mkv", silence, voice)))).samples
    assert second[-1_000] == pytest.approx(0.25, abs=1e-3)
    first = read(open_source(str(recording(tmp_path / "first.mkv", voice, voice // 2)))).samples
    assert first[-1_000] == pytest.approx(0.25, abs=1e-3)
    neither = open_source(str(recording(tmp_path / "neither.mkv", silence, silence)))
    assert len(read(neither).samples) == samples


@pytest.mark.parametrize("stated", [0.5, 0.0])
def test_a_wav_file_whose_header_states_too_little_is_read_whole(tmp_path: Path, stated: float) -> None:
    path = write_clip(tmp_path / "clip.wav", audio=AudioSpec("pcm_s16le", 16_000, "mono"))
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    struct.pack_into("<I", data, at, round(stated * 32_000))
    path.write_bytes(bytes(data))
    reading = read(open_source(str(path)))
    assert len(reading.samples) / AUDIO_RATE == pytest.approx(2.0, abs=0.01)
    assert reading.last_change("audio").reason == "end of file"


def test_what_follows_the_sound_in_a_wav_file_is_not_heard(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.wav", audio=AudioSpec("pcm_s16le", 16_000, "mono"), duration=3.0)
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 6_000) + b"INFO" + b"x" * 5_996)
    reading = read(open_source(str(path)))
    assert len(reading.samples) / AUDIO_RATE == pytest.approx(3.0, abs=0.01)
    assert reading.last_change("audio").reason == "end of file"


@pytest.mark.parametrize("seconds", [0.3, 1.0, 4.0])
def test_a_short_file_of_pages_ends_at_its_end(tmp_path: Path, seconds: float) -> None:
    """Every packet of an Ogg page carries the position of the page, which may begin near the start of the
    file."""
    if "libopus" not in av.codecs_available:
        pytest.skip("this build of PyAV has no encoder libopus")
    path = write_clip(tmp_path / "short.ogg", audio=AudioSpec("libopus"), duration=seconds, onset=0.1)
    assert read(open_source(str(path))).last_change("audio").reason == "end of file"


@pytest.mark.parametrize("kind", ["ts", "mpg", "avi"])
def test_a_medium_that_ends_long_before_the_other_ends_in_order(tmp_path: Path, kind: str) -> None:
    codecs: Tracks = {"video": VideoSpec("mpeg2video"), "audio": AudioSpec("mp2")}
    long = write_clip(tmp_path / "long.mkv", duration=6.0, **codecs)
    reading = read(open_source(str(without_sound_after(1.0, long, tmp_path / f"clip.{kind}"))))
    assert reading.chunks[-1].end < 1.5 and reading.frames[-1].time > 5.5
    assert reading.last_change("audio").reason == "end of file"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_file_whose_name_is_not_utf_8_is_read_and_its_description_can_be_shown(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.wav", audio=AudioSpec("pcm_s16le"), duration=0.2)
    named = path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    source = open_source(str(named))
    assert source.description == f"{tmp_path}/caf\\xe9.wav"
    assert source.name == "caf"
    assert len(read(source).samples) > 0


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "one.mp4", video=VideoSpec(), duration=0.04)
    assert len(read(open_source(str(path))).frames) == 1


def test_stamps_that_begin_anew_are_carried_on(tmp_path: Path) -> None:
    parts = [
        write_clip(
            tmp_path / f"{start}.ts", video=VideoSpec("mpeg2video"), audio=AudioSpec("mp2"), start=start
        )
        for start in (50.0, 3.0, 400.0)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    reading = read(open_source(str(joined)))
    times = [frame.time for frame in reading.frames]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(6.0, abs=0.3)
    assert reading.chunks[-1].end == pytest.approx(6.0, abs=0.3)


def test_stop_ends_a_file_between_two_items(tmp_path: Path) -> None:
    stop = threading.Event()
    items = open_source(str(clip(tmp_path, "h264-aac.mp4"))).items(SessionClock(), stop)
    next(items)
    stop.set()
    assert not [item for item in items if not isinstance(item, MediumChange)]


def test_a_picture_file_and_a_sound_file_are_one_feed(tmp_path: Path) -> None:
    picture = write_clip(tmp_path / "picture.mp4", video=VideoSpec())
    sound = write_clip(tmp_path / "sound.wav", audio=AudioSpec("pcm_s16le"))
    source = open_source(f"{picture}+{sound}")
    assert (source.name, source.live) == ("picture-sound", False)
    reading = read(source)
    times = [due(item) for item in reading.items]
    assert times == sorted(times)
    assert reading.tone_onset() == pytest.approx(reading.light_onset(), abs=0.005)
    assert [change.reason for change in reading.changes].count("start of file") == 2
    assert len(reading.changes) == 4


def test_rechunking_keeps_samples_and_stamps(tmp_path: Path) -> None:
    source = open_source(str(clip(tmp_path, "h264-aac.mp4")))
    plain, cut = read(source), read(RechunkedSource(source, seed=3))
    assert np.array_equal(plain.samples, cut.samples)
    assert [len(chunk.samples) for chunk in plain.chunks] != [len(chunk.samples) for chunk in cut.chunks]
    assert all(abs(b.start - a.end) < 1e-6 for a, b in pairwise(cut.chunks))
