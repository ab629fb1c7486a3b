"""What a face shows, in the labels of the session: the expression network's own answer over the last looks.

It is the network on pictures of single faces, not the fusion that labels utterances: a face that listens has
neither words nor voice. Its probabilities are taken as they are: it learnt the shares of votes, and on FER+
valid another temperature brings it no nearer to them (cross-entropy 0.609 at 1, 0.605 at 1.1, 0.620 at 0.9).
"""

from collections.abc import Sequence

import numpy as np

from emotrack.model.formats import EXPRESSIONS

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
    values = np.mean(np.stack(logits).astype(np.float64), axis=0)
    shares = np.exp(values - values.max())
    shown = dict.fromkeys(labels, 0.0)
    for name, share in zip(EXPRESSIONS, shares, strict=True):
        label = LABELS_OF.get(name, name)
        if label in shown:
            shown[label] += float(share)
    total = sum(shown.values())
    return {label: round(share / total, 4) for label, share in shown.items()}
