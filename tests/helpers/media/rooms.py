"""Several rooms filmed at the same time: of which in one at a time somebody speaks, or in all at once."""

from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

from emotrack.demo import clip_path
from emotrack.demo.render import DURATION, LINES
from helpers.media.portraits import HEAD_SIDE, head, smiling

RATE = 32_000
HUSH = 1e-4
"""Level of the noise in a room where nobody speaks: a microphone that is on."""


def film(folder: Path, rooms: int) -> list[Path]:
    """The demonstration's picture in every room, its lines heard in one after the other: `rooms` files."""
    samples = _soundtrack()
    time = np.arange(samples.shape[-1]) / RATE
    ends = [*(line.start for line in LINES[1:]), DURATION]
    paths = []
    for room in range(rooms):
        heard = [
            (line.start, end)
            for place, (line, end) in enumerate(zip(LINES, ends, strict=True))
            if place % rooms == room
        ]
        audible = np.any([(time >= start - 0.4) & (time < end - 0.4) for start, end in heard], axis=0)
        noise = np.random.default_rng(room).normal(0, HUSH, samples.shape).astype(np.float32)
        path = folder / f"room{room}.mp4"
        _write(path, np.where(audible, samples, noise))
        paths.append(path)
    return paths


PAUSE = 0.7
"""Seconds between two lines of somebody who goes on talking."""


def talk(folder: Path, rooms: int, seconds: float, rest: float) -> list[Path]:
    """The demonstration's picture again and again, and in every room its lines one after the other, each room
    beginning with another one; after `seconds` everybody is silent for `rest` seconds but in the first room:
    `rooms` files."""
    samples, hush = _soundtrack(), np.random.default_rng(0)
    lines = [
        samples[:, round((line.start - 0.2) * RATE) : round((line.start + 3.6) * RATE)] for line in LINES
    ]
    pause = hush.normal(0, HUSH, (1, round(PAUSE * RATE))).astype(np.float32)
    paths = []
    for room in range(rooms):
        said = [part for place in range(len(lines)) for part in (lines[(place + room) % len(lines)], pause)]
        once = np.concatenate([pause[:, : pause.shape[1] * room // rooms], *said], axis=1)
        whole = np.tile(once, int(np.ceil((seconds + rest) * RATE / once.shape[1])))
        whole = whole[:, : round((seconds + rest) * RATE)]
        if room > 0:
            silent = whole[:, round(seconds * RATE) :].shape
            whole[:, round(seconds * RATE) :] = hush.normal(0, HUSH, silent)
        paths.append(folder / f"room{room}.mp4")
        _write(paths[-1], whole)
    return paths


CROWD_RATE = 10
CROWD_SECONDS = 12.0


def crowd(folder: Path, faces: int) -> Path:
    """So many people at 640x480, who all smile in their own time while somebody speaks the demonstration's
    first lines: a file of `CROWD_SECONDS`."""
    heads = [
        [head(step / CROWD_RATE + number, smiling(3)) for number in range(faces)]
        for step in range(round(CROWD_SECONDS * CROWD_RATE))
    ]
    path = folder / f"crowd{faces}.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=CROWD_RATE)
        video.width, video.height, video.pix_fmt = 640, 480, "yuv420p"
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        for seen in heads:
            picture = np.full((480, 640, 3), 90, np.uint8)
            for number, one in enumerate(seen):
                top, left = divmod(number, 5)
                picture[40 + 220 * top :, 4 + 127 * left :][:HEAD_SIDE, :HEAD_SIDE] = one
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(video.encode(None))
        _encode(out, audio, _soundtrack()[:, : round(CROWD_SECONDS * RATE)])
    return path


def _soundtrack() -> np.ndarray:
    """float32 [1, n] at `RATE`."""
    resampler = av.AudioResampler("fltp", "mono", RATE)
    with av.open(str(clip_path())) as clip:
        parts = [part.to_ndarray() for frame in clip.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(parts, axis=1)


def _write(path: Path, samples: np.ndarray) -> None:
    """The demonstration's video as it is, as often as it takes, with another soundtrack."""
    with av.open(str(clip_path())) as clip, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(clip.streams.video[0])
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        played = clip.streams.video[0]
        assert played.time_base is not None and played.duration is not None
        seconds = samples.shape[1] / RATE
        for turn in range(int(np.ceil(seconds / float(played.duration * played.time_base)))):
            clip.seek(0)
            for packet in clip.demux(video=0):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.dts += turn * played.duration
                packet.pts += turn * played.duration
                if packet.pts * played.time_base < seconds:
                    packet.stream = video
                    out.mux(packet)
        _encode(out, audio, samples)


def _encode(out: OutputContainer, audio: AudioStream, samples: np.ndarray) -> None:
    """float32 [1, n] at `RATE` as all of a stream."""
    for start in range(0, samples.shape[1], 1024):
        part = np.ascontiguousarray(samples[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
        frame.sample_rate, frame.pts = RATE, start
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))
