"""Who of those who are enrolled it is, or nobody: whoever is like none of them, or like two, stays
unknown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from emotrack.engines.encoders.face.identity import IdentityEncoder
from emotrack.notify import Notify
from emotrack.stream.people.enrolment.store import EnrolledPerson

_APART = 0.05
"""How much nearer somebody must be than anybody else."""


@dataclass(frozen=True, slots=True)
class Known:
    """Those who are enrolled, by name, each as a vector of length 1."""

    voices: Mapping[str, np.ndarray] = field(default_factory=dict)
    faces: Mapping[str, np.ndarray] = field(default_factory=dict)


NOBODY = Known()


def known_people(people: Sequence[EnrolledPerson], eyes: IdentityEncoder | None, notify: Notify) -> Known:
    """Those whose voice or face can be known, by `eyes` where something knows faces; whose face other weights
    described is told."""
    voices = {one.name: mean_of(np.array(one.voice, np.float32)) for one in people if one.voice}
    faces = {}
    for one in people:
        if eyes is None or not one.face:
            continue
        if one.face_weights != eyes.weights:
            notify(f"{one.name} is not known by their face, which other weights described: enrol them anew.")
        else:
            faces[one.name] = mean_of(np.array(one.face, np.float32))
    return Known(voices, faces)


def mean_of(vectors: np.ndarray) -> np.ndarray:
    """What several vectors [n, d] have in common: float32 [d] of length 1."""
    mean = vectors.mean(0)
    found: np.ndarray = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return found


def recognised(vector: np.ndarray, people: Mapping[str, np.ndarray], least: float) -> str | None:
    """Which of the people it is, at a cosine of `least` or more; None where it is nobody for sure.

    `vector`, and those of `people`: float32 [d] of length 1.
    """
    likeness = sorted(((float(vector @ one), name) for name, one in people.items()), reverse=True)
    if not likeness or likeness[0][0] < least:
        return None
    if len(likeness) > 1 and likeness[0][0] - likeness[1][0] < _APART:
        return None
    return likeness[0][1]
