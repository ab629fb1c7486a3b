"""Faces in a picture by MTCNN (Zhang et al. 2016, facenet-pytorch's weights), and faces followed from one picture to the next.

Finding faces anywhere is dear (P-net looks at every place and size); asking O-net alone where a known face went costs a few
milliseconds. The first is for now and then, the second for every picture in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.utils.detect_face import bbreg, rerec
from PIL import Image
from torch.nn.functional import interpolate
from torchvision.ops import nms

_SAME_FACE = 0.5
"""Boxes that overlap more than this (intersection over union) are one face."""
_SMALLEST_PICTURE = 20
"""Pixels on the short side below which MTCNN's pyramid of sizes is empty."""


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in a picture."""

    box: np.ndarray
    """float32 [4]: left, top, right, bottom in pixels of the picture; may reach past its borders."""
    probability: float
    landmarks: np.ndarray
    """float32 [5, 2]: x, y of the eyes (the one on the picture's left first), nose, mouth corners (left first)."""

    @property
    def area(self) -> float:
        """Pixels that the box covers."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


class FaceDetector:
    """MTCNN at a bounded working size; the same picture always gives the same faces."""

    def __init__(
        self,
        *,
        working_size: int = 960,
        minimum_face: int = 20,
        probability: float = 0.95,
        maximum_faces: int = 8,
        device: str = "cpu",
    ) -> None:
        """Pictures are scaled down to `working_size` pixels on the long side; `minimum_face` is in such pixels."""
        self._device = torch.device(device)
        self._networks = MTCNN(
            keep_all=True, min_face_size=minimum_face, thresholds=[0.6, 0.7, probability], device=self._device
        ).eval()
        self._working_size = working_size
        self._probability = probability
        self._maximum_faces = maximum_faces
        self.detect(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """All faces in `image` (uint8 [height, width, 3], RGB), the largest first."""
        picture, scale = self._scaled(image)
        if min(picture.shape[:2]) < _SMALLEST_PICTURE:
            return []
        boxes, probabilities, landmarks = self._networks.detect(picture, landmarks=True)
        if boxes is None:
            return []
        # Under NumPy 2 the library gives arrays of objects.
        return self._faces(
            boxes.astype(np.float32) / scale,
            probabilities.astype(np.float32),
            landmarks.astype(np.float32) / scale,
        )

    def follow(self, image: np.ndarray, faces: Sequence[DetectedFace]) -> list[DetectedFace]:
        """Where `faces` of a picture a moment ago are in `image`; one that moved far, or went, is left out."""
        if not faces:
            return []
        picture, scale = self._scaled(image)
        pixels = torch.from_numpy(picture.copy()).to(self._device).permute(2, 0, 1).float()
        squares = rerec(torch.from_numpy(np.stack([face.box for face in faces]) * scale).to(self._device))
        crops = [_crop(pixels, square) for square in squares.trunc().int().tolist()]
        squares = squares[[index for index, crop in enumerate(crops) if crop is not None]]
        inside = [crop for crop in crops if crop is not None]
        if not inside:
            return []
        with torch.inference_mode():
            moves, points, classes = self._networks.onet((torch.cat(inside) - 127.5) / 128)
        # O-net says places as fractions of the crop it was shown, x of all five points first.
        size = squares[:, 2:] - squares[:, :2] + 1
        landmarks = points.view(-1, 2, 5).transpose(1, 2) * size[:, None] + squares[:, None, :2] - 1
        boxes = bbreg(squares.clone(), moves)
        return self._faces(boxes.cpu().numpy() / scale, classes[:, 1].cpu().numpy(), landmarks.cpu().numpy() / scale)

    def _scaled(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        height, width = image.shape[:2]
        scale = min(1.0, self._working_size / max(height, width))
        if scale == 1.0:
            return image, scale
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)), scale

    def _faces(self, boxes: np.ndarray, probabilities: np.ndarray, landmarks: np.ndarray) -> list[DetectedFace]:
        boxes, landmarks = boxes.astype(np.float32), landmarks.astype(np.float32)
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(probabilities), _SAME_FACE).tolist()
        faces = [
            DetectedFace(boxes[index], float(probabilities[index]), landmarks[index])
            for index in kept
            if probabilities[index] >= self._probability
        ]
        faces.sort(key=lambda face: (-face.area, face.box[0], face.box[1]))
        return faces[: self._maximum_faces]


def _crop(pixels: torch.Tensor, square: list[int]) -> torch.Tensor | None:
    """The part of a picture [3, height, width] in `square`, [1, 3, 48, 48], cut as MTCNN does; None if outside."""
    left, top, right, bottom = square
    crop = pixels[:, max(top, 1) - 1 : max(bottom, 0), max(left, 1) - 1 : max(right, 0)]
    return None if crop.numel() == 0 else interpolate(crop[None], size=(48, 48), mode="area")
