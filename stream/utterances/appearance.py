"""What an utterance's speaker looked like: which face said it, and tokens of that face and body out of all
that was seen meanwhile."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import FaceQuality
from emotrack.stream.seeing.sightings import SeenFace, Sighting

_NOISE = 0.02
"""Mouth motion (aligned pixels) that means nothing; keeps the confidence low where nobody's mouth moves."""


@dataclass(frozen=True, slots=True)
class SpeakingFace:
    """A face track, and how sure it is (0 to 1) that this face spoke."""

    track: int
    confidence: float


def speaking_face(observations: Sequence[FaceObservation]) -> SpeakingFace | None:
    """The face that spoke while `observations` of one feed's faces were made; None if there was no face.

    A face seen in a part of the frames only counts by that part. The confidence is its share of all mouth
    motion.
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


T = TypeVar("T")
FAILED = "failed"
"""The reason of a modality that could not be described, since what describes it failed."""
MAXIMUM_TOKENS = 16
"""Faces or bodies of one utterance that reach the network; more are thinned evenly."""


@dataclass(frozen=True, slots=True)
class ModalityEvidence:
    """One modality's tokens, or the reason why it has none."""

    tokens: np.ndarray | None
    reason: str = ""
    crops: np.ndarray | None = None
    """For faces: what each token describes."""
    qualities: tuple[FaceQuality, ...] = ()
    """For faces: how well each could be read."""
    failure: Exception | None = None
    """What describing failed with."""


def look_at(
    sightings: Sequence[Sighting], blind: str | None, unexamined: str
) -> tuple[int | None, ModalityEvidence, ModalityEvidence]:
    """The speaker's face track, its descriptors and the speaker's body descriptors within an utterance's
    sightings.

    A face that was motionless all the while is a picture, and nobody's. Of the speaker's face only those
    looks count that can be read (see quality.py); where none can, the commonest obstacle is the reason.

    `blind` says why nothing can be seen at all (no video, no detector), or is None; `unexamined` why bodies
    were looked for in no frame, should that be so.
    """
    if blind is not None:
        return None, ModalityEvidence(None, blind), ModalityEvidence(None, blind)
    if not sightings:
        return None, ModalityEvidence(None, "no frame"), ModalityEvidence(None, "no frame")
    absent = "camera covered" if all(sighting.dark for sighting in sightings) else None
    observations = [face.observation for sighting in sightings for face in sighting.faces]
    possible = {observation.track for observation in observations if not observation.motionless}
    speaker = speaking_face([observation for observation in observations if observation.track in possible])
    track = None if speaker is None else speaker.track
    seen = [face for sighting in sightings for face in sighting.faces if face.observation.track == track]
    bodies = [body for sighting in sightings if (body := _body_of(sighting, track)) is not None]
    no_face = absent or ("motionless face" if observations else "no face")
    if not observations and all("face" in sighting.failed for sighting in sightings):
        no_face = FAILED
    if all(sighting.bodies is None for sighting in sightings) and "body" in sightings[-1].failed:
        unexamined = FAILED
    no_body = unexamined if all(sighting.bodies is None for sighting in sightings) else "no body"
    return track, _faces(seen, no_face), _found(_thinned(bodies), absent or no_body)


def _faces(seen: list[SeenFace], reason: str) -> ModalityEvidence:
    """Those of the looks at one face that can be read; where none can, the commonest obstacle; `reason` where
    nobody looked."""
    obstacles = Counter(obstacle for face in seen if (obstacle := face.quality.obstacle) is not None)
    legible = _thinned([face for face in seen if face.quality.obstacle is None])
    if not legible:
        return ModalityEvidence(None, obstacles.most_common(1)[0][0] if obstacles else reason)
    return ModalityEvidence(
        np.stack([face.descriptor for face in legible]),
        crops=np.stack([face.crop for face in legible]),
        qualities=tuple(face.quality for face in legible),
    )


def _body_of(sighting: Sighting, track: int | None) -> np.ndarray | None:
    """The body that carries the speaker's face; without a face, the only body there is."""
    if sighting.bodies is None:
        return None
    face = next((face.observation.box for face in sighting.faces if face.observation.track == track), None)
    if face is None:
        return sighting.bodies[0].descriptor if len(sighting.bodies) == 1 else None
    holding = [body for body in sighting.bodies if body.carries(face)]
    return (
        min(holding, key=lambda b: (b.box[2] - b.box[0]) * (b.box[3] - b.box[1])).descriptor
        if holding
        else None
    )


def _thinned(seen: list[T]) -> list[T]:
    """At most `MAXIMUM_TOKENS` of what was seen, evenly spread."""
    if len(seen) <= MAXIMUM_TOKENS:
        return seen
    return [seen[index] for index in np.linspace(0, len(seen) - 1, MAXIMUM_TOKENS).round().astype(int)]


def _found(descriptors: list[np.ndarray], reason: str) -> ModalityEvidence:
    return ModalityEvidence(np.stack(descriptors)) if descriptors else ModalityEvidence(None, reason)
