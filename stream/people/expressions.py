"""What a face shows, in the labels of the session, and what of that is unusual for it: the expression
network's own answer over the last looks.

It is the network on pictures of single faces, not the fusion that labels utterances: a face that listens has
neither words nor voice. Its probabilities are taken as they are: it learnt the shares of votes, and on FER+
valid another temperature brings it no nearer to them (cross-entropy 0.609 at 1, 0.605 at 1.1, 0.620 at 0.9).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from emotrack.model.formats import EXPRESSIONS
from emotrack.streaming import StreamingAttributes

LABELS_OF = {"happiness": "joy"}
"""What FER+ names otherwise than the labels; contempt has no label and counts for none."""
RESTING_FACE = {
    "neutral": 0.915,
    "sadness": 0.066,
    "joy": 0.006,
    "anger": 0.006,
    "surprise": 0.004,
    "fear": 0.002,
    "disgust": 0.002,
}
"""What the network makes of faces that mean nothing: geometric means over those of FER+ valid that a majority
names neutral, single answers under 0.001 counted as that."""


def expression_scores(logits: Sequence[np.ndarray], labels: Sequence[str]) -> dict[str, float]:
    """Probability of each of `labels`, to four digits, from the `logits` float32 [8] of one face's looks, one
    or more: of the mean of their logarithms."""
    known = [place for place, name in enumerate(EXPRESSIONS) if LABELS_OF.get(name, name) in labels]
    values = np.mean(np.stack(logits)[:, known].astype(np.float64), axis=0)
    shares = np.exp(values - values.max())
    shown = dict.fromkeys(labels, 0.0)
    for place, share in zip(known, shares / shares.sum(), strict=True):
        shown[LABELS_OF.get(EXPRESSIONS[place], EXPRESSIONS[place])] += round(float(share), 4)
    return shown


KNOWN_AFTER = 20.0
"""Seconds of looks from which on the mean counts half."""
LASTING = 300.0
"""Seconds of looks that the mean goes back at most."""
_LEAST = 0.02
"""Probability under which a network's answer says no more than that it is improbable."""


class KeptFace(TypedDict):
    """A usual face at rest."""

    seconds: float
    means: dict[str, float]


class UsualFace(StreamingAttributes):
    """The usual expression of one person: who always seems a little sad tells nothing by it.

    What a face shows is set against the running mean of the same person's face, in logarithms: of what it
    shows as a rule, as much is taken away as is known of it.
    """

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
