"""One person's state: what is known of them lately, and a label that is entered and left by different
thresholds.

Single utterances are named wrongly often, and a face flickers; what acts on a label wants one that holds.
What was said and shown is pooled: each piece of evidence is a distribution over the labels that weighs as
many seconds as it lasted, and counts for less the more evidence came after it, and the longer ago it was.
Calm is assumed of who is not known: neutral weighs a second from the start. A label is entered when the pool
has been sure of it for a while, or when neutral is not half as probable any more; it is left for neutral when
the pool has been unsure of it for longer.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from emotrack.stream.settings import PeopleSettings
from emotrack.stream.wire.protocol.vocabulary import RESTING
from emotrack.streaming import StreamingAttributes

_ALWAYS = 0.05
"""Share of what is assumed that no evidence takes away, so that it is left when all else is long ago."""
_NEGLIGIBLE = 0.01
"""Share of its first weight under which a piece of evidence is forgotten."""


class WeighedScores(TypedDict):
    """A piece of what is known."""

    key: str
    time: float
    seconds: float
    scores: dict[str, float]


class KeptState(TypedDict):
    """A steady state at rest."""

    evidence: list[WeighedScores]
    label: str
    since: float
    tending: str | None
    tending_since: float


@dataclass(frozen=True, slots=True)
class Pooled:
    """All that is known of a person at a moment."""

    scores: dict[str, float]
    """Probability of each label."""
    known: float
    """Seconds of evidence that they rest on; the rest is assumed."""


class SteadyState(StreamingAttributes):
    """What is known of one person; times never go back."""

    STATE = ("evidence", "label", "since", "tending", "tending_since")
    WHOSE = "a person"

    def __init__(self, labels: Sequence[str], settings: PeopleSettings, time: float) -> None:
        """Nothing is known yet at session time `time`, in seconds."""
        self._labels = tuple(labels)
        self._settings = settings
        self._born = time
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._evidence: deque[WeighedScores] = deque()
        self._label = RESTING if RESTING in self._labels else self._labels[0]
        self._since = self._born
        self._tending: str | None = None
        self._tending_since = self._born

    @property
    def label(self) -> str:
        """The label that holds."""
        return self._label

    @property
    def since(self) -> float:
        """Session time at which it was entered."""
        return self._since

    @property
    def knows_nothing(self) -> bool:
        """Whether there is no evidence at all."""
        return not self._evidence

    def add(self, key: str, time: float, seconds: float, scores: Mapping[str, float]) -> None:
        """What shows from `seconds` that ended at `time`; what was known before under the same `key` it
        replaces."""
        entry = WeighedScores(key=key, time=time, seconds=seconds, scores=dict(scores))
        for place, known in enumerate(self._evidence):
            if known["key"] == key:
                self._evidence[place] = entry
                return
        self._evidence.append(entry)
        newer = 0.0
        for place in range(len(self._evidence) - 1, -1, -1):
            if math.exp(-newer / self._settings.memory) < _NEGLIGIBLE:
                for _ in range(place + 1):
                    self._evidence.popleft()
                return
            newer += self._evidence[place]["seconds"]

    def revise(self, key: str, time: float, seconds: float, scores: Mapping[str, float]) -> None:
        """What was known under `key` is read anew; nothing, where that is long forgotten."""
        if any(known["key"] == key for known in self._evidence):
            self.add(key, time, seconds, scores)

    def drop(self, key: str) -> None:
        """What was known under this key was another person's."""
        self._evidence = deque(entry for entry in self._evidence if entry["key"] != key)

    def take(self, other: "SteadyState") -> None:
        """What is known of somebody who turns out to be this one."""
        both = sorted([*other._evidence, *self._evidence], key=lambda entry: entry["time"])
        self._evidence = deque(both)
        if other._since > self._since and self._label == RESTING:
            self._label, self._since = other._label, other._since

    def pooled(self, now: float) -> Pooled:
        """What is known at session time `now`."""
        sums = dict.fromkeys(self._labels, 0.0)
        newer = known = 0.0
        for one in reversed(self._evidence):
            weight = one["seconds"] * self._fading(newer, now - one["time"])
            for label in self._labels:
                sums[label] += weight * one["scores"].get(label, 0.0)
            known += weight
            newer += one["seconds"]
        assumed = self._settings.assumed * max(self._fading(newer, 0.0), _ALWAYS)
        sums[RESTING] = sums.get(RESTING, 0.0) + assumed
        return Pooled({label: sums[label] / (known + assumed) for label in self._labels}, known)

    def _fading(self, newer: float, ago: float) -> float:
        """What evidence counts after `newer` seconds of newer one, so many seconds ago."""
        return math.exp(-newer / self._settings.memory - max(0.0, ago) / self._settings.staying)

    def step(self, now: float) -> Pooled:
        """Let time pass until `now`, which may change the label: what is known then."""
        pooled = self.pooled(now)
        self._decide(now, pooled.scores)
        return pooled

    def _decide(self, now: float, scores: Mapping[str, float]) -> None:
        settings = self._settings
        best = max(scores, key=lambda label: scores[label])
        calm = self._label == RESTING and scores[best] < 2 * scores[RESTING]
        enough = settings.enter if calm or self._label != RESTING else settings.leave
        if best not in (self._label, RESTING) and scores[best] >= enough:
            tending, patience = best, settings.enter_seconds
        elif self._label != RESTING and scores[self._label] < settings.leave:
            tending, patience = RESTING, settings.leave_seconds
        else:
            self._tending = None
            return
        if tending != self._tending:
            self._tending, self._tending_since = tending, now
        if now - self._tending_since >= patience:
            self._label, self._since, self._tending = tending, now, None
