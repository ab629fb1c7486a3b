"""Media that were kept, given to a tracker again: the same samples and pictures with the same stamps."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from av.error import FFmpegError

from emotrack.errors import UserError
from emotrack.notify import plain
from emotrack.stream.sources.decoding.container import open_container, reason_of
from emotrack.stream.sources.files.recorded.stamps import (
    PICTURES,
    SOUND,
    SUFFIX,
    Change,
    Picture,
    Sound,
    read_stamps,
)
from emotrack.stream.sources.media import AudioChunk, MediaItem, Medium, MediumChange, VideoFrame
from emotrack.stream.sources.timing.clock import SessionClock


@dataclass
class RecordedSource:
    """What one source gave in a session that kept its media; read as fast as is asked for."""

    name: str
    description: str
    path: Path
    """The file of stamps."""
    live: bool = False

    @property
    def media(self) -> frozenset[Medium]:
        """The media of which anything was kept."""
        beside: dict[Medium, str] = {"audio": SOUND, "video": PICTURES}
        return frozenset(medium for medium, ending in beside.items() if self._beside(ending).exists())

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """Everything that was kept; a medium that breaks off goes down there."""
        with contextlib.ExitStack() as files:
            sound: _Samples | None = None
            pictures: dict[int, Iterator[np.ndarray]] = {}
            over: set[Medium] = set()
            for stamp in read_stamps(self.path):
                if stop.is_set():
                    return
                try:
                    match stamp:
                        case Change():
                            yield MediumChange(stamp.time, stamp.medium, stamp.state, stamp.reason)
                        case Sound(samples=0):
                            yield AudioChunk(stamp.start, np.empty(0, np.float32))
                        case Sound() if "audio" not in over:
                            sound = sound or _Samples(self._frames(SOUND, files))
                            yield AudioChunk(stamp.start, sound.take(stamp.samples))
                        case Picture() if "video" not in over:
                            if stamp.file not in pictures:
                                number = "" if stamp.file == 1 else f".{stamp.file}"
                                pictures = {stamp.file: _images(self._frames(f"{number}{PICTURES}", files))}
                            yield VideoFrame(stamp.time, next(pictures[stamp.file]))
                except (StopIteration, FFmpegError, OSError) as error:
                    medium: Medium = "audio" if isinstance(stamp, Sound) else "video"
                    over.add(medium)
                    moment = stamp.start if isinstance(stamp, Sound) else stamp.time
                    why = "they break off" if isinstance(error, StopIteration) else reason_of(error)
                    yield MediumChange(moment, medium, "down", f"the media that were kept end here: {why}")

    def _frames(self, ending: str, files: contextlib.ExitStack) -> Iterator[Any]:
        container = files.enter_context(open_container(f"file:{self._beside(ending)}"))
        return iter(container.decode(container.streams[0]))

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name.removesuffix(SUFFIX) + ending)


class _Samples:
    """Samples out of decoded frames, as many at a time as are asked for."""

    def __init__(self, frames: Iterator[Any]) -> None:
        self._frames = frames
        self._left = np.empty(0, np.float32)

    def take(self, count: int) -> np.ndarray:
        """The next `count`; `StopIteration` where there are not so many."""
        parts = [self._left]
        missing = count - len(self._left)
        while missing > 0:
            samples = next(self._frames).to_ndarray().reshape(-1)
            parts.append(samples)
            missing -= len(samples)
        everything = np.concatenate(parts)
        self._left = everything[count:]
        return everything[:count]


def _images(frames: Iterator[Any]) -> Iterator[np.ndarray]:
    for frame in frames:
        yield frame.to_ndarray(format="rgb24")


def open_recorded(path: Path, *, name: str, description: str) -> RecordedSource:
    """The source whose stamps are in this file; raises `UserError` where they are none."""
    try:
        next(read_stamps(path))
    except StopIteration:
        raise UserError(f"{plain(str(path))} holds no media: nothing was kept.") from None
    return RecordedSource(name, description, path)
