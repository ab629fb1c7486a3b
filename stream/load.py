"""What to leave out when the machine falls behind: one ladder of costs, climbed and descended with hysteresis."""

from dataclasses import dataclass
from typing import Literal, get_args

Step = Literal["partials", "body", "face rate", "speculation"]
STEPS: tuple[Step, ...] = get_args(Step)
"""In the order in which they are shed; final labels never are."""
BEHIND_SECONDS = 0.5
"""Lag that costs a step."""
CAUGHT_UP_SECONDS = 0.1
"""Lag under which a step may be taken back."""
UP_AFTER = 1.0
DOWN_AFTER = 5.0
"""Seconds that the lag must have lasted on its side before the next step up, or down."""


@dataclass(frozen=True, slots=True)
class LoadChange:
    """One step: what is shed from now on, or no longer."""

    step: Step
    shed: bool


class LoadLadder:
    """Watches the lag of the loop; `level` of the steps are being shed."""

    def __init__(self) -> None:
        self.level = 0
        self._since: float | None = None
        self._side = 0

    def sheds(self, step: Step) -> bool:
        """Whether this kind of work is left out at the moment."""
        return STEPS.index(step) < self.level

    @property
    def shedding(self) -> tuple[Step, ...]:
        return STEPS[: self.level]

    def step(self, now: float, lag: float) -> LoadChange | None:
        """Take a reading: `lag` seconds at `now` (seconds of any steady clock); the step taken with it, if one is due."""
        side = 1 if lag > BEHIND_SECONDS else -1 if lag < CAUGHT_UP_SECONDS else 0
        if side != self._side or self._since is None:
            self._side, self._since = side, now
            return None
        if side > 0 and self.level < len(STEPS) and now - self._since >= UP_AFTER:
            self._since = now
            self.level += 1
            return LoadChange(STEPS[self.level - 1], shed=True)
        if side < 0 and self.level > 0 and now - self._since >= DOWN_AFTER:
            self._since = now
            self.level -= 1
            return LoadChange(STEPS[self.level], shed=False)
        return None
