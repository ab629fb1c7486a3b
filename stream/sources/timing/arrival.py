"""Session time of what live sources send: a sender's clock (PTS, a device's sample count) mapped to ours,
whatever the network's jitter."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BUCKET = 1.0
"""Seconds of sender time of which only the least delayed point is kept."""
BUCKETS = 120
SLOPE_SPAN = 30.0
"""Seconds the points must span before a rate is estimated; until then both clocks count alike."""
LARGEST_SLOPE = 500e-6
"""Crystals differ by some tens of parts per million; more than this is not drift."""


class DriftFit:
    """Line from sender time to session time, below all that was observed in the last two minutes. Both in
    seconds."""

    def __init__(self, sender: float, session: float) -> None:
        """Anchored at one pair: the first arrival."""
        self._origin = sender
        self._points: deque[tuple[float, float]] = deque([(0.0, session - sender)], maxlen=BUCKETS)
        self._slope = 0.0
        self._offset = session - sender

    def observe(self, sender: float, session: float) -> None:
        """Something that was captured at `sender` on the sender's clock was there at `session`."""
        x, delay = sender - self._origin, session - sender
        last_x, last_delay = self._points[-1]
        if x // BUCKET > last_x // BUCKET:
            self._points.append((x, delay))
            self._fit()
        elif delay < last_delay:
            self._points[-1] = (max(x, last_x), delay)
            self._fit()

    def at(self, sender: float) -> float:
        """Session time (seconds) of `sender`."""
        return sender + self._offset + self._slope * (sender - self._origin)

    def _fit(self) -> None:
        hull = _lower_hull(list(self._points))
        first, last = self._points[0][0], self._points[-1][0]
        self._slope = 0.0
        if last - first >= SLOPE_SPAN:
            middle = sum(x for x, _ in self._points) / len(self._points)
            (x0, y0), (x1, y1) = next(edge for edge in pairwise(hull) if edge[1][0] >= middle)
            slope = (y1 - y0) / (x1 - x0)
            if abs(slope) <= LARGEST_SLOPE:
                self._slope = slope
        self._offset = min(y - self._slope * x for x, y in self._points)


def _lower_hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Lower convex hull of points in order of x (Andrew's monotone chain)."""
    hull: list[tuple[float, float]] = []
    for x, y in points:
        while len(hull) >= 2:
            (x0, y0), (x1, y1) = hull[-2:]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    return hull


BURST = 1.0
"""Seconds that packets may come too early and still be jitter; more is what a server had stored and sends at
once."""
JUMP = 5.0
"""Seconds by which a PTS may leave its predecessor, beside the time that passed; by more, its clock was
set."""


@dataclass
class _Era:
    """A stretch of sender time without a jump."""

    fit: DriftFit
    stamp: float
    arrival: float
    early: float = BURST
    """Seconds that a packet may come before its time and still tell of the sender's clock."""


class ArrivalClock:
    """Maps PTS to session time; both in seconds. Drift is followed, a jump of the PTS begins a new era."""

    def __init__(self, settled: Sequence[tuple[float, float]], begun: float) -> None:
        """`settled`: (PTS, arrival) of the packets of the first moment, not empty; `begun`: when connecting
        began.

        What came while connecting waited in buffers, so the least delayed packet is the anchor. A server that
        sent more than can have happened since gives a recording: it is played from the first arrival on.
        """
        first, last = min(stamp for stamp, _ in settled), max(stamp for stamp, _ in settled)
        arrival = settled[-1][1]
        if last - first > arrival - begun + BURST:
            era = _Era(DriftFit(first, arrival), last, arrival, early=0.0)
        else:
            era = _Era(DriftFit(*min(settled, key=lambda pair: pair[1] - pair[0])), last, arrival)
        self._eras = [era]

    def observe(self, stamp: float, arrival: float) -> None:
        """A packet with this PTS arrived."""
        era = self._era(stamp)
        passed = arrival - era.arrival
        if not -JUMP <= stamp - era.stamp <= passed + JUMP:
            era = _Era(DriftFit(stamp, arrival), stamp, arrival)
            self._eras = [self._eras[-1], era]
        elif era.fit.at(stamp) <= arrival + era.early:
            era.fit.observe(stamp, arrival)
        era.stamp, era.arrival = max(era.stamp, stamp), arrival

    def at(self, stamp: float) -> float:
        """Session time of a frame with this PTS; of frames from before a jump too, while decoders still hold
        some."""
        return self._era(stamp).fit.at(stamp)

    def _era(self, stamp: float) -> _Era:
        return min(reversed(self._eras), key=lambda era: abs(stamp - era.stamp))
