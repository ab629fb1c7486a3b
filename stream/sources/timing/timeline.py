"""Stream time of a file's frames, made to run forward when its time stamps jump, and why a medium ended where
it did."""

import re
from typing import Any, Literal

import av
from av.container import InputContainer
from av.stream import Stream

END_OF_FILE = "end of file"
"""Why a medium of a file that was read whole goes down."""
STATES_DURATION = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "avi", "wav", "flac"}
"""Formats whose header states the duration, so that an early end is known to be one; others guess it from the
size."""
EARLY_END = 0.5
"""Seconds that may be missing of the stated duration."""
SEQUENTIAL = {"mpegts", "mpeg", "ogg", "mp3", "avi", "w64", "aiff", "au", "caf"}
"""Formats of which the last packet lies near the end of the file; WAV is read to the end of its sound, see
`riff`."""
UNREAD = 0.1
"""Part of a file that may follow its last packet (an index, tags, padding)."""
UNREAD_SECONDS = 1.0
"""The same for short files: as much as this would have held at the rate of what was read."""


class Extent:
    """How far into a file its packets reach, whatever medium they are of: one may end long before another."""

    def __init__(self) -> None:
        self.position = 0
        """Bytes from the start of the file to the end of the last packet."""
        self._page = -1

    def take(self, packet: "av.Packet[Any]") -> None:
        """A packet was read; those of one page (Ogg, MPEG) all carry the position of the page."""
        if packet.pos is None or packet.pos == self._page:
            self.position += packet.size
        else:
            self._page = packet.pos
            self.position = max(self.position, packet.pos + packet.size)

    def falls_short(self, size: int, seconds: float) -> bool:
        """Whether so much of `size` bytes follows what was read, which lasts `seconds`, that it would have
        held something."""
        if self.position == 0:
            return False
        unread = size - self.position
        return unread > size * UNREAD and unread > UNREAD_SECONDS * self.position / max(
            seconds, UNREAD_SECONDS
        )


def ending(
    container: InputContainer,
    stream: Stream,
    extent: Extent,
    *,
    size: int,
    origin: float,
    reached: float,
    alone: bool,
    what: Literal["file", "pipe"] = "file",
) -> str:
    """The reason in words. `reached`: seconds from `origin` (PTS) to the end of what was given of the stream.

    `size`: bytes of the file, or of what came through a pipe. `alone`: nothing else of it is given, so its
    own duration is the stream's.
    """
    stated = stated_end(container, stream, alone=alone)
    if stated is not None and stated - origin - reached > EARLY_END:
        return f"the {what} is cut off at {reached:.2f} s of {stated - origin:.2f} s"
    if container.format.name in SEQUENTIAL and extent.falls_short(size, reached):
        return f"nothing can be read of the {what} after {reached:.2f} s"
    return END_OF_FILE


def stated_end(container: InputContainer, stream: Stream, *, alone: bool) -> float | None:
    """PTS (seconds) at which the header says the stream ends, or None; `alone` as for `ending`."""
    if container.format.name not in STATES_DURATION:
        return None
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    if stream.duration and stream.time_base:
        return start + float(stream.duration * stream.time_base)
    if tag := re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", "")):  # Matroska
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    duration = duration_of(container)
    return start + duration if alone and duration is not None else None


def duration_of(container: InputContainer) -> float | None:
    """Seconds that a container lasts, where known."""
    stated = container.duration or 0  # FLV that goes on states 0
    return stated / av.time_base if stated > 0 else None


JUMPING_FORMATS = {"mpegts", "mpeg", "ogg", "hls"}
"""Formats whose time stamps may begin anew in the middle: recordings that were cut or joined."""
BACKWARD = 0.5
"""Seconds that a stamp may lie behind what was reached before it counts as a jump."""
FORWARD = 10.0
"""Seconds that a stamp may lie ahead in formats that are known to jump (MPEG-TS): FFmpeg's own limit."""


class Timeline:
    """Places frames of one medium after each other; seconds throughout."""

    def __init__(self, origin: float, *, jumps: bool, duration: float | None) -> None:
        """`origin`: the file's first PTS. `jumps`: the format allows them. `duration`: the file's, if
        known."""
        self._shift = -origin
        self._jumps = jumps
        self._duration = duration
        self._next: float | None = None

    def place(self, stamp: float, length: float) -> float:
        """Time of the frame with this PTS that lasts `length`."""
        time = stamp + self._shift
        if self._next is not None and self._is_jump(time, self._next):
            self._shift += self._next - time
            time = self._next
        self._next = max(time + length, self._next or 0.0)
        return time

    def _is_jump(self, time: float, expected: float) -> bool:
        if time < expected - BACKWARD:
            return True
        if time <= expected + FORWARD:
            return False
        return self._jumps or (self._duration is not None and time > self._duration + 1.0)


def timeline_of(container: InputContainer, origin: float) -> Timeline:
    """For one medium of a container of finite length whose first PTS (seconds) is `origin`."""
    return Timeline(origin, jumps=container.format.name in JUMPING_FORMATS, duration=duration_of(container))
