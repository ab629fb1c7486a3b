"""Faces in a picture by MTCNN (Zhang et al. 2016, facenet-pytorch's weights), and faces followed from one
picture to the next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.engine import RunnableEngine, run_in_parts
from emotrack.engines.contract.spec import Arrays, Axis, Port, Shorter, Sizes, Spec, batch_axis
from emotrack.engines.encoders.pictures import (
    AreaSampling,
    intersection_over_smaller,
    moved,
    non_maximum_suppression,
    squares,
)
from emotrack.engines.running.pool import EnginePool

REFINED, FINAL = 24, 48
"""Pixels along a side of the crops that R-net and O-net take."""
AT_ONCE = 16
"""Crops that they take at once: what they make of so many still fits a processor's cache; with 64, each takes
a tenth longer."""
_MARGIN = 5
"""Pairs of rows, or columns, by which P-net's answers are fewer than its inputs."""

_PICTURE, _BATCH = batch_axis(1), batch_axis(AT_ONCE)
_BUCKETS = (16, 32, 64, 128, 208, 296)
"""Pairs of pixels; the last are enough for a picture of 980 pixels, which is looked at with 0.6 of them to
find faces of 20."""
_ROWS = Axis("rows", _BUCKETS, typical=145, minimum=7)
_COLUMNS = Axis("columns", _BUCKETS, typical=193, minimum=7)


def proposal_spec() -> Spec:
    """P-net, on a picture whose rows and columns come in pairs; its fourth plane says what lies past the
    border."""
    grid = (Shorter(_ROWS, _MARGIN), Shorter(_COLUMNS, _MARGIN))
    return Spec(
        name="face-proposals",
        inputs=(Port("pixels", "float32", (_PICTURE, 4, _ROWS, 2, _COLUMNS, 2)),),
        outputs=(
            Port("probabilities", "float32", (_PICTURE, *grid)),
            Port("moves", "float32", (_PICTURE, 4, *grid)),
        ),
        definition=_definition("proposal_network"),
        samples=_pictures,
    )


def refinement_spec() -> Spec:
    """R-net, on crops."""
    return Spec(
        name="face-refinement",
        inputs=(Port("crops", "float32", (_BATCH, 3, REFINED, REFINED)),),
        outputs=(Port("probabilities", "float32", (_BATCH,)), Port("moves", "float32", (_BATCH, 4))),
        definition=_definition("refinement_network"),
        samples=lambda sizes, random: _crops(sizes, random, REFINED),
    )


def output_spec() -> Spec:
    """O-net, on crops; its landmarks are x, y of the eyes, nose and corners of the mouth."""
    return Spec(
        name="face-output",
        inputs=(Port("crops", "float32", (_BATCH, 3, FINAL, FINAL)),),
        outputs=(
            Port("probabilities", "float32", (_BATCH,)),
            Port("moves", "float32", (_BATCH, 4)),
            Port("landmarks", "float32", (_BATCH, 2, 5)),
        ),
        definition=_definition("output_network"),
        samples=lambda sizes, random: _crops(sizes, random, FINAL),
    )


def face_detection_specs() -> tuple[Spec, Spec, Spec]:
    """P-net, R-net and O-net."""
    return proposal_spec(), refinement_spec(), output_spec()


def _definition(function: str) -> Definition:
    return Definition("emotrack.engines.networks.mtcnn", function=function, packages=("facenet-pytorch",))


def _pictures(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    rows, columns = sizes["rows"], sizes["columns"]
    pictures = []
    for colours in _kinds((3, 2 * rows, 2 * columns), random):
        pixels = np.zeros((4, 2 * rows, 2 * columns), np.float32)
        pixels[:3] = colours
        pixels[3, -1] = pixels[3, :, -1] = 1
        pictures.append({"pixels": pixels.reshape(1, 4, rows, 2, columns, 2)})
    return pictures


def _crops(sizes: Sizes, random: np.random.Generator, side: int) -> list[Arrays]:
    return [{"crops": crops} for crops in _kinds((sizes["batch"], 3, side, side), random)]


def _kinds(shape: tuple[int, ...], random: np.random.Generator) -> list[np.ndarray]:
    """What runs smoothly with some noise, as pictures do; noise alone; black; white."""
    noise = random.uniform(-1, 1, shape).astype(np.float32)
    waves = (
        np.sin(np.linspace(0, 9, shape[-1], dtype=np.float32))
        * np.sin(np.linspace(1, 7, shape[-2], dtype=np.float32))[:, None]
    )
    return [
        0.7 * waves + 0.3 * noise,
        noise,
        np.full(shape, -127.5 / 128, np.float32),
        np.full(shape, 127.5 / 128, np.float32),
    ]


_WINDOW, _STRIDE = 12, 2
"""Pixels along a side of what P-net looks at, and from one such window to the next."""
_SHRINKING = 0.709
"""From one size of the picture to the next, which has about half as many pixels."""
_PROBABILITY = 0.6
_SAME_AT_ONE_SIZE, _SAME = 0.5, 0.7
"""Intersections over union above which two windows show the same."""


def propose(network: RunnableEngine, picture: AreaSampling, minimum_face: int) -> np.ndarray:
    """Squares float32 [n, 4] that may hold faces of `minimum_face` pixels or more, most probable first."""
    found = [
        _look(network, picture, scale) for scale in _scales(min(picture.height, picture.width), minimum_face)
    ]
    if not found:
        return np.zeros((0, 4), np.float32)
    boxes, probabilities, moves = (np.concatenate(part) for part in zip(*found, strict=True))
    kept = non_maximum_suppression(boxes, probabilities, _SAME)
    return squares(moved(boxes[kept], moves[kept]))


def _scales(side: int, minimum_face: int) -> Iterator[float]:
    """Sizes at which to look at a picture whose shorter side has so many pixels."""
    scale = _WINDOW / minimum_face
    left = side * scale
    while left >= _WINDOW:
        yield scale
        scale *= _SHRINKING
        left *= _SHRINKING


def _look(
    network: RunnableEngine, picture: AreaSampling, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes [n, 4], probabilities [n] and moves [n, 4] of the windows that may show a face at one size of the
    picture."""
    height, width = int(picture.height * scale + 1), int(picture.width * scale + 1)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    pixels = np.zeros((4, 2 * rows, 2 * columns), np.float32)
    picture.resize(pixels[:3, :height, :width])
    pixels[3, height:] = pixels[3, :, width:] = 1
    found = network.run(pixels=pixels.reshape(1, 4, rows, 2, columns, 2))
    down, across = np.nonzero(found["probabilities"][0] >= _PROBABILITY)
    probabilities, moves = found["probabilities"][0, down, across], found["moves"][0, :, down, across]
    corners = _STRIDE * np.stack([across, down], 1).astype(np.float32)
    boxes = np.floor(np.concatenate([corners + 1, corners + _WINDOW], 1) / scale)
    kept = non_maximum_suppression(boxes, probabilities, _SAME_AT_ONE_SIZE)
    return boxes[kept], probabilities[kept], moves[kept]


_REFINED_PROBABILITY = 0.7
_SURE, _POSSIBLE = 0.95, 0.6
"""Probability of a face from which on it is one, or may be."""
_SAME_PLACE = 0.7
"""Overlap above which two boxes that a network found are one."""
_SAME_FACE = 0.5
"""Boxes that overlap more than this (intersection over union) are one face."""


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in a picture."""

    box: np.ndarray
    """float32 [4]: left, top, right, bottom in pixels of the picture; may reach past its borders."""
    probability: float
    landmarks: np.ndarray
    """float32 [5, 2]: x, y of the eyes (the one on the picture's left first), nose, mouth corners (left
    first)."""

    @property
    def area(self) -> float:
        """Pixels that the box covers."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


class FaceDetector:
    """MTCNN at a bounded working size; the same picture always gives the same faces."""

    def __init__(
        self,
        pnet: RunnableEngine,
        rnet: RunnableEngine,
        onet: RunnableEngine,
        *,
        working_size: int = 960,
        minimum_face: int = 20,
        probability: float = _SURE,
    ) -> None:
        """`pnet`, `rnet`, `onet`: engines of `face_detection_specs`.

        Pictures are scaled down to `working_size` pixels on the long side, of which `minimum_face` may be a
        49th or more.
        """
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self._working_size = working_size
        self._minimum_face = minimum_face
        self._probability = probability

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """All faces in `image` (uint8 [height, width, 3], RGB), the largest first."""
        picture, scale = self._scaled(image)
        sampling = AreaSampling(picture)
        found, edges = _inside(
            self._refined(sampling, propose(self._pnet, sampling, self._minimum_face)), picture.shape
        )
        if not len(found):
            return []
        boxes, probabilities, landmarks = self._judged(found, sampling.crops(edges, FINAL))
        likely = np.flatnonzero(probabilities > self._probability)
        kept = likely[
            non_maximum_suppression(
                boxes[likely], probabilities[likely], _SAME_PLACE, intersection_over_smaller
            )
        ]
        return self._faces(boxes[kept] / scale, probabilities[kept], landmarks[kept] / scale)

    def follow(self, image: np.ndarray, faces: Sequence[DetectedFace]) -> list[DetectedFace]:
        """Where `faces` of a picture a moment ago are in `image`; one that moved far, or went, is left
        out."""
        if not faces:
            return []
        picture, scale = self._scaled(image)
        found, edges = _inside(squares(np.stack([face.box for face in faces]) * scale), picture.shape)
        if not len(found):
            return []
        crops = np.empty((len(found), 3, FINAL, FINAL), np.float32)
        for crop, (left, top, right, bottom) in zip(crops, edges, strict=True):
            AreaSampling(picture[top:bottom, left:right]).resize(crop)
        boxes, probabilities, landmarks = self._judged(found, crops)
        return self._faces(boxes / scale, probabilities, landmarks / scale)

    def _scaled(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        height, width = image.shape[:2]
        scale = min(1.0, self._working_size / max(height, width))
        if scale == 1.0:
            return image, scale
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)), scale

    def _refined(self, picture: AreaSampling, proposed: np.ndarray) -> np.ndarray:
        """Squares [n, 4] that may hold faces, of those in which R-net sees some."""
        proposed, edges = _inside(proposed, (picture.height, picture.width))
        if not len(proposed):
            return proposed
        found = run_in_parts(self._rnet, "crops", picture.crops(edges, REFINED), AT_ONCE)
        likely = np.flatnonzero(found["probabilities"] > _REFINED_PROBABILITY)
        kept = likely[non_maximum_suppression(proposed[likely], found["probabilities"][likely], _SAME_PLACE)]
        return squares(moved(proposed[kept], found["moves"][kept], edge=1))

    def _judged(self, places: np.ndarray, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes [n, 4], probabilities [n] and landmarks [n, 5, 2] of what O-net sees in crops of `places` [n,
        4]."""
        found = run_in_parts(self._onet, "crops", crops, AT_ONCE)
        sides = places[:, 2:] - places[:, :2] + 1
        landmarks = found["landmarks"].swapaxes(1, 2) * sides[:, None] + places[:, None, :2] - 1
        return moved(places, found["moves"], edge=1), found["probabilities"], landmarks

    def _faces(
        self, boxes: np.ndarray, probabilities: np.ndarray, landmarks: np.ndarray
    ) -> list[DetectedFace]:
        faces = [
            DetectedFace(boxes[index], float(probabilities[index]), landmarks[index])
            for index in non_maximum_suppression(boxes, probabilities, _SAME_FACE)
            if probabilities[index] >= self._probability
        ]
        faces.sort(key=lambda face: (-face.area, face.box[0], face.box[1]))
        return faces


def open_face_detector(pool: EnginePool, *, to_hide: bool = False) -> FaceDetector:
    """A detector on the pool's engines; `to_hide`: also of what is only perhaps a face. Raises `UserError`
    where one cannot be had as the settings ask for it."""
    pnet, rnet, onet = (pool.engine(spec) for spec in face_detection_specs())
    return FaceDetector(pnet, rnet, onet, probability=_POSSIBLE if to_hide else _SURE)


def _inside(places: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Those of `places` [n, 4] that reach into a picture, and what they have of it: int [n, 4], left, top,
    right, bottom.

    MTCNN counts pixels from 1, and the last ones belong to a box.
    """
    edges = places.astype(np.int64)
    edges[:, :2] = np.maximum(edges[:, :2], 1) - 1
    edges[:, 2:] = np.minimum(edges[:, 2:], shape[1::-1])
    inside = (edges[:, 2:] > edges[:, :2]).all(1)
    return places[inside], edges[inside]
