"""Which face said an utterance: the one whose mouth moved most, compared with the others, while it was heard."""

from collections.abc import Sequence
from dataclasses import dataclass

from emotrack.stream.seeing.faces import FaceObservation

_NOISE = 0.02
"""Mouth motion (aligned pixels) that means nothing; keeps the confidence low where nobody's mouth moves."""


@dataclass(frozen=True, slots=True)
class SpeakingFace:
    """A face track, and how sure it is (0 to 1) that this face spoke."""

    track: int
    confidence: float


def speaking_face(observations: Sequence[FaceObservation]) -> SpeakingFace | None:
    """The face that spoke while `observations` of one feed's faces were made; None if there was no face.

    A face seen in a part of the frames only counts by that part. The confidence is its share of all mouth motion.
    """
    frames = len({observation.time for observation in observations})
    motion: dict[int, float] = {}
    seen: dict[int, int] = {}
    for observation in observations:
        motion[observation.track] = motion.get(observation.track, 0.0) + observation.mouth_motion / frames
        seen[observation.track] = seen.get(observation.track, 0) + 1
    if not motion:
        return None
    track = max(motion, key=lambda number: (motion[number], seen[number], -number))
    return SpeakingFace(track, (motion[track] + _NOISE) / (sum(motion.values()) + _NOISE * len(motion)))
