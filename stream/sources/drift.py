"""Maps the clock of a sender (PTS, a device's sample count) to session time, whatever the network's jitter.

What arrives is late by a varying delay that is never negative, so the true line lies below all points (sender time,
arrival). Of all such lines the one closest to them runs along their lower convex hull, under the middle of them: Moon,
Skelly, Towsley, "Estimation and removal of clock skew from network delay measurements", INFOCOM 1999, section 4.
"""

from collections import deque
from itertools import pairwise

BUCKET = 1.0
"""Seconds of sender time of which only the least delayed point is kept."""
BUCKETS = 120
SLOPE_SPAN = 30.0
"""Seconds the points must span before a rate is estimated; until then both clocks count alike."""
LARGEST_SLOPE = 500e-6
"""Crystals differ by some tens of parts per million; more than this is not drift."""


class DriftFit:
    """Line from sender time to session time, below all that was observed in the last two minutes. Both in seconds."""

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
