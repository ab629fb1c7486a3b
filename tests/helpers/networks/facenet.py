"""MTCNN as facenet-pytorch runs it, and faces followed by its O-net: what our detector must answer like."""

from collections.abc import Sequence

import numpy as np
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.utils.detect_face import bbreg, rerec
from torch.nn.functional import interpolate
from torchvision.ops import nms

from emotrack.engines.encoders.face.detection import DetectedFace

_PROBABILITY, _SAME_FACE, _MOST_FACES = 0.95, 0.5, 8


class Facenet:
    """The detector as it was before our engines, for pictures within its working size."""

    def __init__(self) -> None:
        self.networks = MTCNN(keep_all=True, min_face_size=20, thresholds=[0.6, 0.7, _PROBABILITY]).eval()

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """All faces in `image` (uint8 [height, width, 3]), the largest first."""
        boxes, probabilities, landmarks = self.networks.detect(image, landmarks=True)
        if boxes is None:
            return []
        return _faces(*(found.astype(np.float32) for found in (boxes, probabilities, landmarks)))

    def follow(self, image: np.ndarray, faces: Sequence[DetectedFace]) -> list[DetectedFace]:
        """Where `faces`, all of them partly inside, are now."""
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1).float()
        squares = rerec(torch.from_numpy(np.stack([face.box for face in faces])))
        crops = []
        for left, top, right, bottom in squares.trunc().int().tolist():
            crop = pixels[None, :, max(top, 1) - 1 : bottom, max(left, 1) - 1 : right]
            crops.append(interpolate(crop, size=(48, 48), mode="area"))
        with torch.inference_mode():
            moves, points, classes = self.networks.onet((torch.cat(crops) - 127.5) / 128)
        sides = squares[:, 2:] - squares[:, :2] + 1
        landmarks = points.view(-1, 2, 5).transpose(1, 2) * sides[:, None] + squares[:, None, :2] - 1
        return _faces(bbreg(squares.clone(), moves).numpy(), classes[:, 1].numpy(), landmarks.numpy())


def _faces(boxes: np.ndarray, probabilities: np.ndarray, landmarks: np.ndarray) -> list[DetectedFace]:
    kept = nms(torch.from_numpy(boxes), torch.from_numpy(probabilities), _SAME_FACE).tolist()
    faces = [
        DetectedFace(boxes[i], float(probabilities[i]), landmarks[i])
        for i in kept
        if probabilities[i] >= _PROBABILITY
    ]
    return sorted(faces, key=lambda face: (-face.area, face.box[0], face.box[1]))[:_MOST_FACES]
