"""The expression on a face: cut it out as the FER2013 images are framed, and describe it with our own network."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from emotrack.engines.weights import fill
from emotrack.model.face import FACE_DIM, FACE_SIZE, FaceNetwork

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


class FaceEncoder:
    """Describes face crops; `dim` numbers each."""

    size = FACE_SIZE
    dim = FACE_DIM

    def __init__(self, weights: Path, *, device: str = "cpu") -> None:
        """Load the expression network's `weights`; raises UserError where they are not its own."""
        self._network = FaceNetwork()
        fill(self._network, weights, "face")
        # A fifth quicker on a processor.
        self._network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    @torch.inference_mode()
    def encode(self, crops: np.ndarray) -> np.ndarray:
        """Describe crops uint8 [k, 48, 48] as float32 [k, 128]; k may be 0."""
        if not len(crops):
            return np.zeros((0, FACE_DIM), np.float32)
        descriptors, _ = self._network(torch.from_numpy(crops).to(self._device))
        return descriptors.cpu().numpy()
