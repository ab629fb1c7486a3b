"""Valence and arousal of a label: where its emotions lie between unpleasant and pleasant, and between calm and excited.

The coordinates of each emotion are the mean pleasure and arousal that people gave to its name (Russell and Mehrabian, "Evidence
for a three-factor theory of emotions", Journal of Research in Personality 11, 1977, pp. 273-294), neutral lying at the origin.
A label's are the mean of its emotions' by their probabilities, so that they move with what is doubtful about it.
"""

from collections.abc import Mapping

COORDINATES: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "joy": (0.76, 0.48),
    "sadness": (-0.63, -0.27),
    "anger": (-0.51, 0.59),
    "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
}
"""Valence and arousal by emotion, each from -1 to 1."""


def valence_and_arousal(probabilities: Mapping[str, float]) -> tuple[float, float] | tuple[None, None]:
    """Valence and arousal of a label, each from -1 to 1; None for labels of which no coordinates are known."""
    if not probabilities.keys() <= COORDINATES.keys():
        return None, None
    valence, arousal = (sum(share * COORDINATES[name][axis] for name, share in probabilities.items()) for axis in (0, 1))
    return min(max(valence, -1.0), 1.0), min(max(arousal, -1.0), 1.0)
