"""Counts frames that could not be decoded, and says when that makes their medium degraded, down or up again.

A medium is up again only when it has been whole for a while, so that a lossy line is one trouble and not one a frame.
"""

from typing import Literal

from emotrack.stream.media import Medium, MediumChange

LONGEST_RUN = 1.0
"""Seconds of stream time without one good frame after which a damaged medium counts as down."""

HEALED = 5.0
"""Seconds without damage after which a medium counts as up again."""


class Damage:
    """State of one medium between good and bad frames; times are session seconds."""

    def __init__(self, medium: Medium) -> None:
        self.state: Literal["up", "degraded", "down"] = "up"
        self._medium = medium
        self._count = 0
        self._since = 0.0
        self._lost = 0.0  # seconds that failed since the last good frame
        self._whole_from = 0.0  # since when nothing has failed, while degraded

    def bad(self, reached: float, length: float, reason: str) -> MediumChange | None:
        """A frame of `length` seconds could not be decoded; `reached`: the end of the last good one."""
        self._count += 1
        if self._lost == 0.0:
            self._since = reached
        self._lost += max(length, 1e-3)
        if self.state == "up":
            self.state = "degraded"
            return MediumChange(reached, self._medium, "degraded", f"damaged at {self._since:.2f} s: {reason}")
        if self.state == "degraded" and self._lost >= LONGEST_RUN:
            self.state = "down"
            return MediumChange(reached, self._medium, "down", f"damaged from {self._since:.2f} s on: {reason}")
        return None

    def good(self, time: float) -> MediumChange | None:
        """A frame at `time` was decoded; it mends nothing when it was held in the decoder since before the damage."""
        if self.state == "up" or (self._lost and time < self._since + self._lost / 2):
            return None
        if self._lost:
            self._lost, self._whole_from = 0.0, time
        if self.state == "down":
            self.state = "degraded"
            return MediumChange(time, self._medium, "degraded", f"decodable again ({self._count} frames lost so far)")
        if time < self._whole_from + HEALED:
            return None
        self.state = "up"
        return MediumChange(time, self._medium, "up", f"whole again ({self._count} frames lost so far)")

    def end(self, reached: float, reason: str) -> MediumChange | None:
        """The medium ends; None where it is down already."""
        if self.state == "down":
            return None
        since = "" if not self._lost else f"damaged from {self._since:.2f} s on, "
        return MediumChange(reached, self._medium, "down", since + reason)
