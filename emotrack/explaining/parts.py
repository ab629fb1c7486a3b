"""The parts of an utterance that can be left out of it: words, segments of sound, regions of a face, bodies;
and what must be offered by a thing that is to be explained."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.ndimage import gaussian_filter

from emotrack.modalities import Modality
from emotrack.model.dialogue.state import SpeakerMemory
from emotrack.model.formats import FACE_SIZE

Kind = Literal["word", "segment", "region", "frame", "body", "line"]
MODALITY_OF: dict[Kind, Modality] = {
    "word": "text",
    "line": "text",
    "segment": "audio",
    "region": "face",
    "frame": "face",
    "body": "body",
}
"""The modality whose tokens a part is in. A line is what was said before and read along; it is no part of the
utterance itself."""


@dataclass(frozen=True, slots=True)
class UtterancePart:
    """One thing that can be left out: the `index`th of its kind, called `name` where people read it."""

    kind: Kind
    index: int
    name: str
    span: tuple[float, float] | None = None
    """For a segment of audio: from and to, in seconds from the utterance's start."""

    @property
    def modality(self) -> Modality:
        """The modality whose tokens it is in."""
        return MODALITY_OF[self.kind]


class Subject(Protocol):
    """An utterance that can be encoded again with some of its parts left out."""

    parts: tuple[UtterancePart, ...]
    """What the utterance consists of, as far as it is present."""
    lines: tuple[UtterancePart, ...]
    """What was said before and is read along with it, oldest first."""
    memory: SpeakerMemory
    """The dialogue before it."""

    def without(self, removed: Collection[UtterancePart]) -> dict[Modality, np.ndarray]:
        """Tokens by modality, were `removed` not there; a modality of which nothing is left is absent."""
        ...


PLACES = 5
"""The heat map's window is put at so many places across and down."""
_WINDOW, _STEP = 20, 7
"""Side of that window and its step in pixels. Smaller ones hide too little: half a smile is a smile."""
_BLUR = 8.0
_EDGE = 1.0
"""Standard deviations in pixels: of the blur that hides, and of the soft edge about what is hidden (a hard
one would be a new feature)."""


def _regions() -> dict[str, np.ndarray]:
    rows, columns = np.mgrid[:FACE_SIZE, :FACE_SIZE]
    middle = (columns >= 18) & (columns < 31)
    regions = {
        "forehead": rows < 11,
        "eyes": (rows >= 11) & (rows < 21),
        "nose": (rows >= 21) & (rows < 31) & middle,
        "cheeks": (rows >= 21) & (rows < 31) & ~middle,
        "mouth": (rows >= 31) & (rows < 41) & (columns >= 10) & (columns < 39),
    }
    return {**regions, "chin": ~np.logical_or.reduce(list(regions.values()))}


REGIONS = _regions()
"""Name to mask bool [48, 48]; together they cover the crop once."""


def window(row: int, column: int) -> np.ndarray:
    """The heat map's window at one of its places, as a mask bool [48, 48]."""
    mask = np.zeros((FACE_SIZE, FACE_SIZE), bool)
    top, left = row * _STEP, column * _STEP
    mask[top : top + _WINDOW, left : left + _WINDOW] = True
    return mask


def heat_map(values: np.ndarray) -> np.ndarray:
    """What was found at each place of the window (float [PLACES, PLACES]) as a picture [48, 48]: of each
    pixel, the mean of the windows over it, those centred near it counting most."""
    weighted, weights = np.zeros((2, FACE_SIZE, FACE_SIZE))
    for (row, column), value in np.ndenumerate(values):
        near = gaussian_filter(window(row, column).astype(float), _WINDOW / 5)
        weighted += near * value
        weights += near
    return weighted / weights


def hide(crops: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The crops (uint8 [n, 48, 48]) with what is under `mask` (bool [48, 48]) blurred until it shows
    nothing."""
    blurred = gaussian_filter(crops.astype(np.float32), (0, _BLUR, _BLUR), mode="nearest")
    share = gaussian_filter(mask.astype(np.float32), _EDGE, mode="nearest")
    found: np.ndarray = (crops * (1 - share) + blurred * share).round().astype(np.uint8)
    return found
