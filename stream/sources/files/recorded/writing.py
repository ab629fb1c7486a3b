"""Keeps what the sources of a session give, without loss: sound as it is (float32), the pictures that are
looked at as lossless H.264, and the stamps of both.

It is personal data, so everything can be read by its owner only. What is written is whole up to the last
second or so whenever the tracker dies.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np

from emotrack.errors import UserError
from emotrack.files import owner_only
from emotrack.notify import plain
from emotrack.stream.sources.files.recorded.stamps import (
    PICTURES,
    SOUND,
    SUFFIX,
    Change,
    Picture,
    Sound,
    as_line,
)
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediaItem, MediumChange, VideoFrame

FOLDER_SUFFIX = ".media"
MILLISECONDS = Fraction(1, 1000)
CONTAINER = {"cluster_time_limit": "1000", "flush_packets": "1"}
"""Matroska's, so that little is lost where nobody closes the file."""
LOSSLESS = {"preset": "ultrafast", "tune": "zerolatency", "qp": "0"}
KEYFRAMES = 50


@dataclass(frozen=True, slots=True)
class Given:
    """One item of one source."""

    source: str
    item: MediaItem

    @property
    def size(self) -> int:
        """Bytes of the arrays in it."""
        match self.item:
            case AudioChunk():
                return self.item.samples.nbytes
            case VideoFrame():
                return self.item.image.nbytes
        return 0


class MediaRecorder:
    """An output that writes each source's media into `folder`, which must not be there yet.

    Raises `UserError` where the folder cannot be made.
    """

    things = "pieces of sound and pictures"

    def __init__(self, folder: Path) -> None:
        self.folder = _new_folder(folder)
        self.name = f"Media kept in {plain(str(self.folder))}"
        self._sources: dict[str, _Kept] = {}

    def write(self, given: Given, /) -> None:
        """Keep one item."""
        kept = self._sources.get(given.source)
        if kept is None:
            kept = self._sources[given.source] = _Kept(self.folder, given.source)
        kept.write(given.item)

    def close(self) -> None:
        """Finish all files."""
        with contextlib.ExitStack() as left:
            for kept in self._sources.values():
                left.callback(kept.close)


class _Kept:
    """The files of one source."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._stamps = _opened(folder / f"{name}{SUFFIX}")
        self._sound: _Track | None = None
        self._samples = 0
        self._pictures: _Track | None = None
        self._size = (0, 0)
        self._file = 0

    def write(self, item: MediaItem) -> None:
        match item:
            case AudioChunk():
                stamp: Sound | Picture | Change = self._take_sound(item)
            case VideoFrame():
                stamp = self._take_picture(item)
            case MediumChange():
                stamp = Change.of(item)
        self._stamps.write(as_line(stamp))
        self._stamps.flush()

    def close(self) -> None:
        with contextlib.ExitStack() as left:
            left.callback(self._stamps.close)
            for track in (self._sound, self._pictures):
                if track is not None:
                    left.callback(track.close)

    def _take_sound(self, chunk: AudioChunk) -> Sound:
        if self._sound is None:
            self._sound = _Track(self._folder / f"{self._name}{SOUND}", _sound_stream)
        frame = av.AudioFrame.from_ndarray(chunk.samples[np.newaxis].astype("<f4"), "flt", "mono")
        frame.sample_rate = AUDIO_RATE
        frame.pts, frame.time_base = self._samples, Fraction(1, AUDIO_RATE)
        self._samples += len(chunk.samples)
        if len(chunk.samples):
            self._sound.write(frame)
        return Sound(chunk.start, len(chunk.samples))

    def _take_picture(self, picture: VideoFrame) -> Picture:
        height, width = picture.image.shape[:2]
        if self._size != (width, height):
            if self._pictures is not None:
                self._pictures.close()
            self._file += 1
            self._size = width, height
            path = self._folder / f"{self._name}{'' if self._file == 1 else f'.{self._file}'}{PICTURES}"
            self._pictures = _Track(path, lambda container: _picture_stream(container, width, height))
        assert self._pictures is not None
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.image), "rgb24")
        frame.time_base = MILLISECONDS
        frame.pts = self._pictures.next_pts(round(picture.time * 1000))
        self._pictures.write(frame)
        return Picture(picture.time, self._file)


class _Track:
    """One stream in one file."""

    def __init__(self, path: Path, add_stream: Callable[[Any], Any]) -> None:
        self._file = _opened(path)
        self._container = av.open(self._file, "w", format="matroska", container_options=CONTAINER)
        self._stream = add_stream(self._container)
        self._last = -1

    def next_pts(self, wanted: int) -> int:
        """The nearest number above the last one: players want them to rise."""
        self._last = max(self._last + 1, wanted)
        return self._last

    def write(self, frame: Any) -> None:
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        with self._file, self._container:
            self._container.mux(self._stream.encode(None))


def _sound_stream(container: Any) -> Any:
    stream = container.add_stream("pcm_f32le", rate=AUDIO_RATE)
    stream.layout = "mono"
    return stream


def _picture_stream(container: Any, width: int, height: int) -> Any:
    stream = container.add_stream("libx264rgb", rate=30, options=LOSSLESS)
    stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
    stream.time_base = stream.codec_context.time_base = MILLISECONDS
    stream.codec_context.gop_size = KEYFRAMES
    return stream


def _opened(path: Path) -> IO[bytes]:
    return open(path, "xb", opener=owner_only)


def _new_folder(wanted: Path) -> Path:
    """`wanted`, or with a number where a session that is gone on with has left one."""
    number = 1
    folder = wanted
    while True:
        try:
            os.makedirs(folder, mode=0o700)
            return folder
        except FileExistsError:
            number += 1
            folder = wanted.with_name(f"{wanted.stem}.{number}{wanted.suffix}")
        except OSError as error:
            raise UserError(f"No media can be kept in {plain(str(folder))}: {error.strerror}.") from error
