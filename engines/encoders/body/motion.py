"""How a person moved from one look to the next: where to, and how much the body stirred; no pixel of any face
counts."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from emotrack.engines.encoders.body.posture import faceless
from emotrack.engines.encoders.pictures import intersection_over_union

MOTION_DIM = 5
_WIDTH, _HEIGHT = 24, 48
_AT_ONCE, _COMPARABLE = 0.01, 2.0
"""Seconds between two looks from which on, and up to which, something is said of what happened meanwhile."""
_SAME = 0.3
"""Least intersection over union of two boxes of one person."""
_FASTEST = 3.0
"""Box heights a second, or factors of e, beyond which motion is told as this."""

Seen = tuple[np.ndarray, np.ndarray]
"""A person's box (float32 [4], in pixels) and look."""


def look_at_body(image: np.ndarray, box: np.ndarray, faces: Sequence[np.ndarray]) -> np.ndarray:
    """A small picture of the person in `box`, of mean 0 and deviation 1, without any of `faces`: float32 [48,
    24]."""
    small = Image.fromarray(faceless(image, box, faces)).resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    values = np.asarray(small)
    found: np.ndarray = (values - values.mean()) / max(float(values.std()), 1.0)
    return found


def match_bodies(before: Sequence[np.ndarray], now: Sequence[np.ndarray]) -> list[int | None]:
    """For each box now the one before that is the same person's, by index; those that share most first."""
    owners: list[int | None] = [None] * len(now)
    if not before or not now:
        return owners
    shared = intersection_over_union(np.stack(now), np.stack(before))
    taken: set[int] = set()
    for place in np.argsort(-shared, axis=None, kind="stable"):
        here, there = divmod(int(place), len(before))
        if shared[here, there] >= _SAME and owners[here] is None and there not in taken:
            owners[here] = there
            taken.add(there)
    return owners


def motion(before: Seen | None, now: Seen, seconds: float) -> np.ndarray:
    """How a person moved in `seconds`: float32 [MOTION_DIM].

    Whether that is known (else all is 0); by how many box heights a second the middle moved to the right and
    down; the logarithm of the growth in a second; and the mean change of the look, in deviations.
    """
    if before is None or not _AT_ONCE <= seconds <= _COMPARABLE:
        return np.zeros(MOTION_DIM, np.float32)
    (old, old_look), (new, new_look) = before, now
    height = max(float(old[3] - old[1]), 1.0)
    shift = (new[:2] + new[2:] - old[:2] - old[2:]) / 2 / height
    growth = np.log(max(float(new[3] - new[1]), 1.0) / height)
    pace = np.clip(np.array([*shift, growth]) / seconds, -_FASTEST, _FASTEST)
    stirred = np.abs(new_look - old_look).mean()
    return np.array([1.0, *pace, stirred], np.float32)
