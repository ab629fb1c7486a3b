"""The expression on a face: cut it out as the faces of FER2013 are framed, and describe it with our own network."""

from pathlib import Path

import numpy as np

from emotrack.engines.alignment import aligned
from emotrack.engines.definition import Definition
from emotrack.engines.engine import Runs, run_in_parts
from emotrack.engines.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.model.formats import EXPRESSIONS, FACE_DIM, FACE_SIZE

_BATCH = batch_axis()

PLACES = np.array([[15.0, 18.8], [33.0, 18.8], [24.0, 29.1], [16.5, 37.9], [31.5, 37.9]])
"""Where the eyes, the nose and the corners of the mouth come to lie, in pixels of a crop.

Measured: the medians of what MTCNN finds on 421 of 500 training images of FER2013 (enlarged, borders continued), mirrored onto
themselves. So a live face lies in its crop as the faces that the network learnt from do: those spread about these places by 18 % in
scale, 8 degrees in the plane and 3 to 5 pixels.
"""


def crop_face(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Cut a face out of an RGB image uint8 [h, w, 3] as a grey uint8 [48, 48].

    `landmarks` are MTCNN's, float32 [5, 2]: eyes, nose, corners of the mouth in pixels, those on the left of the image first. They
    come to lie at `PLACES`, as near as turning, scaling and moving can bring them; where the crop reaches past the image, the
    border's pixels are continued.
    """
    return aligned(image, landmarks, PLACES, FACE_SIZE)


def face_spec(weights: Path) -> Spec:
    """Our expression network with these weights."""
    return Spec(
        name="face",
        inputs=(Port("crops", "uint8", (_BATCH, FACE_SIZE, FACE_SIZE)),),
        outputs=(Port("descriptors", "float32", (_BATCH, FACE_DIM)), Port("logits", "float32", (_BATCH, len(EXPRESSIONS)))),
        definition=Definition("emotrack.engines.networks.face", {"weights": weights}),
        samples=_samples,
        decides="logits",
    )


class FaceEncoder:
    """Describes face crops; `dim` numbers each."""

    size = FACE_SIZE
    dim = FACE_DIM

    def __init__(self, engine: Runs) -> None:
        """`engine`: of `face_spec`."""
        self._engine = engine

    def encode(self, crops: np.ndarray) -> np.ndarray:
        """Describe crops uint8 [k, 48, 48] as float32 [k, 128]; k may be 0."""
        if not len(crops):
            return np.zeros((0, FACE_DIM), np.float32)
        return run_in_parts(self._engine, "crops", crops, _BATCH.maximum)["descriptors"]


def _samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    shape = (sizes["batch"], FACE_SIZE, FACE_SIZE)
    noise = random.integers(0, 256, shape, dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 255, FACE_SIZE).astype(np.uint8), shape)
    return [{"crops": crops} for crops in (ramp // 2 + noise // 2, noise, ramp.copy(), np.zeros(shape, np.uint8))]
