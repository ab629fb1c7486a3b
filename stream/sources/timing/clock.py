"""The session clock, on which everything is stamped in seconds since the session began, and moments chosen at
a rate."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SessionClock:
    """Maps the machine's monotonic clock to session time (seconds, 0 at session start)."""

    start_unix_ns: int = field(default_factory=time.time_ns)
    start_monotonic_ns: int = field(default_factory=time.monotonic_ns)

    def at(self, monotonic_ns: int) -> float:
        """Session time of a reading of `time.monotonic_ns()`."""
        return (monotonic_ns - self.start_monotonic_ns) / 1e9

    def now(self) -> float:
        """Session time of this instant; for stamping captures and for pacing, never to say when something was
        said."""
        return self.at(time.monotonic_ns())


class RateGrid:
    """Takes the first moment at or after each point of a grid in time; depends on nothing but the moments and
    rates given.

    What it remembers is a moment, not the number of a point, which would mean another moment at another rate.
    So the rate may change between any two moments, whoever changes it: the next point of the new grid is at
    most one of its periods away.
    """

    def __init__(self) -> None:
        self._taken: float | None = None

    def takes(self, time: float, rate: float) -> bool:
        """Whether the moment `time` (seconds) is the first one at or after a point of the grid of `rate`
        points a second."""
        if self._taken is not None and _point(time, rate) <= _point(self._taken, rate):
            return False
        self._taken = time
        return True


def _point(time: float, rate: float) -> int:
    """The last point of a grid at or before a moment; the margin keeps moments that lie on points from
    falling short of them."""
    return int(time * rate + 1e-6)
