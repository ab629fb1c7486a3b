"""How a face usually looks: who always seems a little sad tells nothing by it.

What a face shows is set against the running mean of the same person's face, in logarithms: of what their face
shows as a rule, as much is taken away as is known of it.
"""

import math
from collections.abc import Mapping

from emotrack.streaming import StreamingAttributes

KNOWN_AFTER = 20.0
"""Seconds of looks from which on the mean counts half."""
LASTING = 300.0
"""Seconds of looks that the mean goes back at most."""
_LEAST = 0.02
"""Probability under which a network's answer says no more than that it is improbable."""


class UsualFace(StreamingAttributes):
    """The usual expression of one person."""

    STATE = ("seconds", "means")
    WHOSE = "a face"

    def __init__(self, resting: Mapping[str, float]) -> None:
        """`resting`: what a face that means nothing shows of most people, by label."""
        self._resting = {label: _log(share) for label, share in resting.items()}
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._seconds = 0.0
        self._means = dict(self._resting)

    @property
    def seconds(self) -> float:
        """Seconds of looks that it is known from."""
        return self._seconds

    def unusual(self, scores: Mapping[str, float], seconds: float) -> dict[str, float]:
        """What a look that stands for `seconds` says beyond what is usual, as probabilities; it is learnt
        from afterwards."""
        known = self._seconds / (self._seconds + KNOWN_AFTER)
        found = {
            label: math.exp(_log(share) - known * (self._means[label] - self._resting[label]))
            for label, share in scores.items()
        }
        total = sum(found.values())
        self._seconds = min(self._seconds + seconds, LASTING)
        share_of_this = min(1.0, seconds / self._seconds) if self._seconds else 0.0
        for label, share in scores.items():
            self._means[label] += share_of_this * (_log(share) - self._means[label])
        return {label: value / total for label, value in found.items()}


def _log(share: float) -> float:
    return math.log(max(share, _LEAST))
