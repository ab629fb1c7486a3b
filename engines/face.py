"""The expression on a face: cut it out as the FER2013 images are framed, and describe it with our own network."""

from pathlib import Path

import numpy as np
from PIL import Image

from emotrack.engines.definition import Definition
from emotrack.engines.engine import Runs, run_in_parts
from emotrack.engines.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.model.formats import EXPRESSIONS, FACE_DIM, FACE_SIZE

_BATCH = batch_axis()

CROP_SCALE = 1.09
"""Side of the crop over the geometric mean of the box's sides.

Measured: MTCNN, run on 400 images of FER2013 (enlarged, borders continued), finds boxes 0.80 wide and 1.06 high of the image
(median), centred on it within 0.02. With this scale a live face fills its crop as the faces that the network learnt from do.
"""


def crop_face(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut a face out of an RGB image uint8 [h, w, 3] as a grey uint8 [48, 48].

    `box` is MTCNN's: left, top, right, bottom in pixels. The crop is the square about its centre; where that reaches past the
    image, the border's pixels are continued.
    """
    left, top, right, bottom = (float(edge) for edge in box)
    side = max(1, round(CROP_SCALE * float(np.sqrt(max(right - left, 1.0) * max(bottom - top, 1.0)))))
    columns = round((left + right - side) / 2) + np.arange(side)
    rows = round((top + bottom - side) / 2) + np.arange(side)
    height, width = image.shape[:2]
    square = image[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
    grey = Image.fromarray(square).convert("L").resize((FACE_SIZE, FACE_SIZE), Image.Resampling.BILINEAR)
    return np.asarray(grey)


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
