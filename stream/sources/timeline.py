"""Stream time of a file's frames, made to run forward when its time stamps jump."""

from av.container import InputContainer

from emotrack.stream.sources.ending import duration_of

JUMPING_FORMATS = {"mpegts", "mpeg", "ogg", "hls"}
"""Formats whose time stamps may begin anew in the middle: recordings that were cut or joined."""
BACKWARD = 0.5
"""Seconds that a stamp may lie behind what was reached before it counts as a jump."""
FORWARD = 10.0
"""Seconds that a stamp may lie ahead in formats that are known to jump (MPEG-TS): FFmpeg's own limit."""


class Timeline:
    """Places frames of one medium after each other; seconds throughout."""

    def __init__(self, origin: float, *, jumps: bool, duration: float | None) -> None:
        """`origin`: the file's first PTS. `jumps`: the format allows them. `duration`: the file's, if known."""
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
