"""Synthetic clips written by PyAV, ways to spoil them, and readings of what a source gave.

A clip shows a white square that wanders right, on black before `onset` and on a bright ground after; it is
silent before `onset` and sounds 440 Hz after.
"""

import random
import struct
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import av
import numpy as np

from emotrack.stream.sources.media import (
    AUDIO_RATE,
    AudioChunk,
    MediaItem,
    Medium,
    MediumChange,
    Source,
    VideoFrame,
)
from emotrack.stream.sources.timing.clock import SessionClock

TONE = 440.0

Target = TypeVar("Target")


@dataclass(frozen=True)
class VideoSpec:
    """A video track; `times` (seconds) instead of `rate` makes it variable."""

    codec: str = "mpeg4"
    rate: int = 25
    width: int = 160
    height: int = 120
    pixels: str = "yuv420p"
    times: Sequence[float] | None = None


@dataclass(frozen=True)
class AudioSpec:
    """An audio track; the tone is in the channel `loud` only where that is given."""

    codec: str = "aac"
    rate: int = 48_000
    layout: str = "stereo"
    loud: int | None = None


class Tracks(TypedDict, total=False):
    """What a clip is made of, as `write_clip` takes it."""

    video: VideoSpec
    audio: AudioSpec


@dataclass(frozen=True)
class Pace:
    """Writing in real time until `ending` is set; `begun` are the time.monotonic() of each first frame."""

    ending: threading.Event = field(default_factory=threading.Event)
    begun: list[float] = field(default_factory=list)


def picture(time: float, onset: float, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3] of the clip at `time` seconds."""
    image = np.full((height, width, 3), 200 if time >= onset - 1e-6 else 0, np.uint8)
    left = int(time * 40) % max(1, width - 24)
    image[height // 4 : height // 4 + 24, left : left + 24] = 255
    return image


def tone(duration: float, onset: float, rate: int, channels: int, loud: int | None = None) -> np.ndarray:
    """float32 [channels, n]: silence, then from `onset` on the tone."""
    time = np.arange(round(duration * rate)) / rate
    one = np.where(time >= onset - 1e-9, 0.5 * np.sin(2 * np.pi * TONE * (time - onset)), 0.0).astype(
        np.float32
    )
    gains = np.array([loud is None or loud == channel for channel in range(channels)], np.float32)
    return gains[:, None] * one


def write_clip(
    path: Target,
    *,
    video: VideoSpec | None = None,
    audio: AudioSpec | None = None,
    duration: float = 2.0,
    onset: float = 1.0,
    start: float = 0.0,
    format: str | None = None,
    options: dict[str, str] | None = None,
    pace: Pace | None = None,
    silent_first: bool = False,
) -> Target:
    """Write a clip to a path or file object and return it.

    `start` is added to every time stamp; with `pace`, packets are written as time passes. `silent_first`:
    before the audio track there is another one of digital silence.
    """
    target: Any = str(path) if isinstance(path, Path) else path
    with av.open(target, "w", format=format, options=options or {}) as container:
        silent = _add_streams(container, None, audio)["audio"] if silent_first else None
        streams = _add_streams(container, video, audio)
        frames = _frames(video, audio, duration, onset, start)
        if pace is not None:
            pace.begun.append(time.monotonic())
        for at, medium, frame in frames:
            if pace is not None and pace.ending.wait(max(0.0, pace.begun[-1] + at - time.monotonic())):
                break
            if silent is not None and medium == "audio":
                for packet in silent.encode(_silenced(frame)):
                    container.mux(packet)
            for packet in streams[medium].encode(frame):
                container.mux(packet)
        for stream in [*streams.values(), *([] if silent is None else [silent])]:
            for packet in stream.encode(None):
                container.mux(packet)
    return path


def _silenced(frame: Any) -> Any:
    silent = av.AudioFrame.from_ndarray(
        np.zeros_like(frame.to_ndarray()), frame.format.name, frame.layout.name
    )
    silent.sample_rate, silent.time_base, silent.pts = frame.sample_rate, frame.time_base, frame.pts
    return silent


def _add_streams(container: Any, video: VideoSpec | None, audio: AudioSpec | None) -> dict[Medium, Any]:
    streams: dict[Medium, Any] = {}
    if video is not None:
        stream = container.add_stream(video.codec, rate=video.rate, gop_size=10)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, video.pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, 12_000 if video.times else video.rate)
        streams["video"] = stream
    if audio is not None:
        stream = container.add_stream(audio.codec, rate=audio.rate, layout=audio.layout)
        stream.time_base = Fraction(1, audio.rate)
        streams["audio"] = stream
    return streams


def _frames(
    video: VideoSpec | None, audio: AudioSpec | None, duration: float, onset: float, start: float
) -> list[tuple[float, Medium, Any]]:
    frames: list[tuple[float, Medium, Any]] = []
    if video is not None:
        base = Fraction(1, 12_000 if video.times else video.rate)
        for at in video.times or [n / video.rate for n in range(round(duration * video.rate))]:
            image = av.VideoFrame.from_ndarray(picture(at, onset, video.width, video.height), "rgb24")
            image = image.reformat(format=video.pixels)
            image.pts, image.time_base = round((at + start) / base), base
            frames.append((at, "video", image))
    if audio is not None:
        channels = av.AudioLayout(audio.layout).nb_channels
        samples = tone(duration, onset, audio.rate, channels, audio.loud)
        formats = av.CodecContext.create(audio.codec, "w").codec.audio_formats
        assert formats is not None, f"{audio.codec} encodes no audio"
        converter = av.AudioResampler(format=formats[0].name, layout=audio.layout, rate=audio.rate)
        size = audio.rate // 50
        for first in range(0, samples.shape[1], size):
            part = np.ascontiguousarray(samples[:, first : first + size])
            sound = av.AudioFrame.from_ndarray(part, "fltp", audio.layout)
            sound.sample_rate, sound.time_base = audio.rate, Fraction(1, audio.rate)
            sound.pts = first + round(start * audio.rate)
            frames.extend((first / audio.rate, "audio", ready) for ready in converter.resample(sound))
    return sorted(frames, key=lambda entry: entry[0])


def cut_off(path: Path, fraction: float) -> Path:
    """Keep only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path


def overwrite(path: Path, first: float, last: float, seed: int = 0) -> Path:
    """Put random bytes over the part of a file between two fractions of its length."""
    data = bytearray(path.read_bytes())
    begin, end = int(len(data) * first), int(len(data) * last)
    data[begin:end] = random.Random(seed).randbytes(end - begin)
    path.write_bytes(bytes(data))
    return path


def without_sound_after(seconds: float, source: Path, target: Path) -> Path:
    """The same streams in another container, in which the sound ends long before the picture."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            late = (
                packet.stream.type == "audio"
                and packet.pts is not None
                and packet.pts * packet.time_base > seconds
            )
            if packet.dts is not None and not late:
                packet.stream = streams[packet.stream_index]
                made.mux(packet)
    return target


def turn_display(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write a display matrix into an MP4's video track header, as phones do (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", data, at, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))
    return path


@dataclass(frozen=True)
class Reading:
    """Everything a source gave."""

    items: list[MediaItem]

    @property
    def chunks(self) -> list[AudioChunk]:
        return [item for item in self.items if isinstance(item, AudioChunk)]

    @property
    def frames(self) -> list[VideoFrame]:
        return [item for item in self.items if isinstance(item, VideoFrame)]

    @property
    def changes(self) -> list[MediumChange]:
        return [item for item in self.items if isinstance(item, MediumChange)]

    @property
    def samples(self) -> np.ndarray:
        return np.concatenate([chunk.samples for chunk in self.chunks])

    def last_change(self, medium: Medium) -> MediumChange:
        return [change for change in self.changes if change.medium == medium][-1]

    def tone_onset(self) -> float:
        """Session time (seconds) of the first sample louder than a fifth of the loudest."""
        loud = 0.2 * max(float(np.abs(chunk.samples).max(initial=0.0)) for chunk in self.chunks)
        for chunk in self.chunks:
            above = np.flatnonzero(np.abs(chunk.samples) > loud)
            if len(above):
                return chunk.start + float(above[0]) / AUDIO_RATE
        raise AssertionError("silence throughout")

    def light_onset(self) -> float:
        """Session time (seconds) of the first bright picture."""
        return next(frame.time for frame in self.frames if frame.image.mean() > 120)


def items_of(source: Source) -> Generator[MediaItem, None, None]:
    """The items of a source, one by one, for a test that closes them before their end."""
    items = source.items(SessionClock(), threading.Event())
    assert isinstance(items, Generator)
    return items


def read(source: Source, *, seconds: float | None = None, clock: SessionClock | None = None) -> Reading:
    """Take everything a source gives, of a live one for some seconds of wall time."""
    stop = threading.Event()
    items: list[MediaItem] = []
    timer = threading.Timer(seconds, stop.set) if seconds is not None else None
    if timer is not None:
        timer.start()
    try:
        items.extend(source.items(clock or SessionClock(), stop))
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()
    return Reading(items)


class RechunkedSource:
    """Another source with its audio split and joined at random places; stamps and samples stay the same."""

    def __init__(self, source: Source, seed: int, longest: int = 6_400) -> None:
        self.name, self.description, self.live = source.name, source.description, source.live
        self._source = source
        self._random = random.Random(seed)
        self._longest = longest

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """Items of the source; audio is held back until a chunk of random length is full or the audio
        changes."""
        held: AudioChunk | None = None
        for item in self._source.items(clock, stop):
            if not isinstance(item, AudioChunk):
                if isinstance(item, MediumChange) and item.medium == "audio" and held is not None:
                    yield held
                    held = None
                yield item
                continue
            if held is not None and abs(held.end - item.start) < 1e-6:
                item = AudioChunk(held.start, np.concatenate([held.samples, item.samples]))
            elif held is not None:
                yield held
            held = item
            while len(held.samples) > (size := self._random.randint(1, self._longest)):
                yield AudioChunk(held.start, held.samples[:size])
                held = AudioChunk(held.start + size / AUDIO_RATE, held.samples[size:])
        if held is not None:
            yield held
