"""Session time of what is given from outside: by the giver's own stamps, or by when it came.

Both go the same way. Sound without stamps is counted, so that the count is the giver's clock; it is set
forward where nothing was given for a while. What comes late and all at once after a stall was captured before
it, though, and looks the same in its first moment: so what follows a silence is held back for a moment and
judged then.
"""

from dataclasses import dataclass

import av

from emotrack.stream.sources.media import Medium
from emotrack.stream.sources.timing.arrival import ArrivalClock

SETTLING = 0.3
"""Seconds of arrivals that are looked at before the first of them is stamped."""
PAUSE = 0.3
"""Seconds by which sound may be later than its count says and be late; more, for all of a moment, is a
pause."""


@dataclass(frozen=True, slots=True)
class Given:
    """A frame as it came."""

    medium: Medium
    frame: av.AudioFrame | av.VideoFrame
    stamp: float | None
    """When it was captured, in seconds on the giver's clock; None where the giver does not say."""
    arrived_ns: int
    """The monotonic nanosecond at which it came."""

    @property
    def seconds(self) -> float:
        """Its length, where it is sound."""
        return self.frame.samples / self.frame.sample_rate if isinstance(self.frame, av.AudioFrame) else 0.0


@dataclass(slots=True)
class _Held:
    given: Given
    stamp: float
    captured: float
    """Session time at which it must have been captured, had it come without delay."""


class SenderClock:
    """One clock of a giver, mapped to the session's."""

    def __init__(self) -> None:
        self._clock: ArrivalClock | None = None
        self._count = 0.0
        self._held: list[_Held] = []

    def push(self, given: Given, captured: float) -> list[tuple[Given, float]]:
        """What can be stamped now, each with its session time; `captured`: when `given` came, less its
        length."""
        stamp = self._count if given.stamp is None else given.stamp
        self._count = stamp + given.seconds
        one = _Held(given, stamp, captured)
        if self._held or self._clock is None or self._paused(one):
            self._held.append(one)
            return self.settle(captured)
        return [(given, self._stamped(self._clock, one))]

    def settle(self, now: float, *, at_once: bool = False) -> list[tuple[Given, float]]:
        """What was held back, once it was for long enough."""
        held = self._held
        if not held or (now - held[0].captured < SETTLING and not at_once):
            return []
        self._held = []
        if self._clock is None:
            settled = [(one.stamp, one.captured) for one in held]
            clock = self._clock = ArrivalClock(settled, held[0].captured)
        else:
            clock = self._clock
            if held[0].given.stamp is None and all(self._paused(one) for one in held):
                pause = min(one.captured - clock.at(one.stamp) for one in held)
                self._count += pause
                for one in held:
                    one.stamp += pause
        return [(one.given, self._stamped(clock, one)) for one in held]

    def _paused(self, one: _Held) -> bool:
        late = one.given.stamp is None and self._clock is not None
        return late and one.captured - self._at(one.stamp) > PAUSE

    def _at(self, stamp: float) -> float:
        assert self._clock is not None
        return self._clock.at(stamp)

    @staticmethod
    def _stamped(clock: ArrivalClock, one: _Held) -> float:
        clock.observe(one.stamp, one.captured)
        return clock.at(one.stamp)
