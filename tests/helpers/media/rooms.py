"""Several rooms filmed at the same time, of which in one at a time somebody speaks."""

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
    """The demonstration's video as it is, with another soundtrack."""
    with av.open(str(clip_path())) as clip, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(clip.streams.video[0])
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        for packet in clip.demux(video=0):
            if packet.dts is not None:
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
