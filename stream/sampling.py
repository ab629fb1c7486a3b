"""Choosing moments at a rate, repeatably."""


class RateGrid:
    """Takes the first moment at or after each point of a grid in time; depends on nothing but the moments given."""

    def __init__(self) -> None:
        self._last = -1

    def takes(self, time: float, rate: float) -> bool:
        """Whether the moment `time` (seconds) is the first one at or after a point of the grid of `rate` points a second."""
        point = int(time * rate + 1e-6)
        if point <= self._last:
            return False
        self._last = point
        return True

    def restart(self) -> None:
        """Forget the last point, since the rate has changed."""
        self._last = -1
