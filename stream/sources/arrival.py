"""Session time of what a network stream sends, from the PTS of its packets and when they arrive."""

from collections.abc import Sequence
from dataclasses import dataclass

from emotrack.stream.sources.drift import DriftFit

BURST = 1.0
"""Seconds that packets may come too early and still be jitter; more is what a server had stored and sends at once."""
JUMP = 5.0
"""Seconds by which a PTS may leave its predecessor, beside the time that passed; by more, its clock was set."""


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
        """`settled`: (PTS, arrival) of the packets of the first moment, not empty; `begun`: when connecting began.

        What came while connecting waited in buffers, so the least delayed packet is the anchor. A server that sent more
        than can have happened since gives a recording: it is played from the first arrival on.
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
        """Session time of a frame with this PTS; of frames from before a jump too, while decoders still hold some."""
        return self._era(stamp).fit.at(stamp)

    def _era(self, stamp: float) -> _Era:
        return min(reversed(self._eras), key=lambda era: abs(stamp - era.stamp))
