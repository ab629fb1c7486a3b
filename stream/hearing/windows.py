"""Utterances while nobody speaks: fixed windows while somebody is seen."""

import math
from dataclasses import dataclass

from emotrack.stream.settings import SegmentationSettings
from emotrack.streaming import StreamingAttributes


@dataclass(frozen=True, slots=True)
class WindowStarted:
    """A window is open since session time `start` (seconds); told once it has lasted as long as a sighting
    counts."""

    start: float


@dataclass(frozen=True, slots=True)
class WindowEnded:
    """The window from `start` to `end` (seconds, session time) is complete."""

    start: float
    end: float


WindowEvent = WindowStarted | WindowEnded


class WindowSegmenter(StreamingAttributes):
    """Cuts time into windows on a grid laid from the first sighting, while a face or body is seen.

    A sighting counts for `absence` seconds: a window in which nothing was seen for so long closes at that
    moment. The sighting that follows opens the next one, at the end of the last if that is no further back,
    else where it is; it closes on the next line of the grid that leaves it at least `absence` seconds. One
    that something cuts short before is none: it would be labelled by a glimpse. So no window is empty, and
    none overlaps another.
    """

    STATE = ("origin", "start", "told", "line", "end", "seen", "now")
    WHOSE = "windows"

    def __init__(self, settings: SegmentationSettings) -> None:
        self._window = settings.window
        self._absence = settings.absence
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sighting is the first."""
        self._origin: float | None = None  # the first sighting
        self._start: float | None = None  # of the open window
        self._told = False  # whether its start was
        self._line = 0.0  # where on the grid the open window closes
        self._end = -math.inf  # of the last window
        self._seen = -math.inf  # the last sighting
        self._now = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a window is open, told or not."""
        return self._start is not None

    def step(self, time: float, seen: bool, since: float = math.inf) -> list[WindowEvent]:
        """A frame of session time `time` (seconds, never going back); `seen` when a person was in it.

        `since` when it only shows now that somebody has been there for longer: a window that opens reaches
        back so far.
        """
        self._now = time
        events: list[WindowEvent] = []
        if self._start is not None:
            close = min(self._line, self._seen + self._absence)
            if time >= close:
                events += self._close(close)
        if seen:
            if self._start is None:
                self._open(min(time, since))
            self._seen = time
        if self._start is not None and time - self._start >= self._absence:
            events += self._tell()
        return events

    def flush(self, until: float = math.inf) -> list[WindowEvent]:
        """The feed ended: a window that is open and told ends at the last frame.

        `until`: session time (seconds) at which something else begins, into which it must not reach.
        """
        if self._start is None or not self._told:
            return []
        return self._close(min(self._now, until) if until > self._start else self._now)

    def _open(self, time: float) -> None:
        if self._origin is None:
            self._origin = time
        start = self._end if time - self._end < self._absence else time
        lines = math.ceil((start + self._absence - self._origin) / self._window)
        self._start, self._line, self._told = start, self._origin + lines * self._window, False

    def _tell(self) -> list[WindowEvent]:
        """The start of the open window, once."""
        assert self._start is not None
        told, self._told = self._told, True
        return [] if told else [WindowStarted(self._start)]

    def _close(self, end: float) -> list[WindowEvent]:
        assert self._start is not None
        events = [*self._tell(), WindowEnded(self._start, end)]
        self._start, self._end = None, end
        return events
