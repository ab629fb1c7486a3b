"""Bodies in a picture: persons found by a YOLO network, described without their faces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from emotrack.engines.contract.definition import Definition, OnnxFile
from emotrack.engines.contract.engine import RunnableEngine
from emotrack.engines.contract.spec import EXACT, Arrays, Axis, Port, Sizes, Spec, Tolerance
from emotrack.engines.encoders.body.motion import MOTION_DIM, look_at_body, match_bodies, motion
from emotrack.engines.encoders.body.posture import POSTURE_DIM, describe_posture, match_faces
from emotrack.engines.encoders.pictures import letterbox, non_maximum_suppression
from emotrack.engines.networks.yolo import (
    CLASSES,
    KIND,
    PERSON,
    SIDE,
    STRIDES,
    STRIP,
    STRIP_ANCHORS,
    strip_anchors,
)
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError

_ONE = Axis("batch", (1,), typical=1)
_STRIPS = Axis("strips", (3, 4, 5), typical=3, minimum=3)
"""Wide pictures, which most are, need three; each of these heights is computed as it is, since padding would
be seen."""
_TOLERANCE = Tolerance({**EXACT.absolute, "fp16": 2e-2}, EXACT.cosine)
"""In fp16 anchors that see nothing are off by up to an eighth of a stride, and boxes of persons by a tenth of
a pixel."""
_INPUT, _OUTPUT = "images", "output0"
"""What ultralytics calls them in the files that it exports."""


class PersonFinder(Protocol):
    """Finds things in pictures SIDE pixels wide."""

    heights: tuple[int, ...]
    """Of the pictures, in pixels, rising."""

    def find(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes float32 [4, n] (left, top, right, bottom) and probabilities of the classes [CLASSES, n], one
        for each anchor.

        `picture`: uint8 [height, SIDE, 3], RGB.
        """
        ...


def person_network(engine: RunnableEngine, weights: Path) -> PersonFinder:
    """The network that `engine`, which is one of `person_spec(weights)`, runs."""
    return _ExportedNetwork(engine) if weights.suffix == ".onnx" else _TorchNetwork(engine)


def person_spec(weights: Path) -> Spec:
    """The network in `weights`: an .onnx or .pt file (only a .pt that you trust: to read it can run code that
    it holds).

    Raises `UserError` where there is no such file. Whether it is a YOLO network shows when an engine of it is
    built.
    """
    if not weights.is_file() or weights.suffix not in (".onnx", ".pt"):
        raise UserError(f"There are no YOLO weights at {weights}; give the path of an .onnx or .pt file.")
    return _exported(weights) if weights.suffix == ".onnx" else _torch(weights)


def _exported(weights: Path) -> Spec:
    anchors = sum((SIDE // stride) ** 2 for stride in STRIDES)
    return Spec(
        name="person",
        inputs=(Port(_INPUT, "float32", (_ONE, 3, SIDE, SIDE)),),
        outputs=(Port(_OUTPUT, "float32", (_ONE, 4 + CLASSES, anchors)),),
        definition=OnnxFile(weights, f"{KIND} that takes one picture of {SIDE} x {SIDE} pixels"),
        samples=lambda sizes, random: [{_INPUT: _as_images(picture)} for picture in _pictures(SIDE, random)],
    )


def _torch(weights: Path) -> Spec:
    return Spec(
        name="person",
        inputs=(Port("strips", "uint8", (_ONE, _STRIPS, STRIP, SIDE, 3)),),
        outputs=(
            Port("distances", "float32", (_ONE, 4, _STRIPS, STRIP_ANCHORS)),
            Port("probabilities", "float32", (_ONE, CLASSES, _STRIPS, STRIP_ANCHORS)),
        ),
        definition=Definition(
            "emotrack.engines.networks.person", {"weights": weights}, packages=("ultralytics",)
        ),
        samples=_strip_samples,
        tolerance=_TOLERANCE,
    )


class _ExportedNetwork:
    """As ultralytics exports it: square pictures, and all numbers in one array."""

    heights: tuple[int, ...] = (SIDE,)

    def __init__(self, engine: RunnableEngine) -> None:
        self._engine = engine

    def find(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = self._engine.run(**{_INPUT: _as_images(picture)})[_OUTPUT][0]
        centres, sizes = found[:2], found[2:4]
        return np.concatenate([centres - sizes / 2, centres + sizes / 2]), found[4:]


class _TorchNetwork:
    """As we put it together: pictures of as many strips as they need, and distances from the anchors."""

    heights: tuple[int, ...] = tuple(STRIP * strips for strips in _STRIPS.buckets)

    def __init__(self, engine: RunnableEngine) -> None:
        self._engine = engine

    def find(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = self._engine.run(strips=picture.reshape(1, -1, STRIP, SIDE, 3))
        centres, strides = _anchors(len(picture) // STRIP)
        distances = found["distances"].reshape(4, -1) * strides
        return np.concatenate([centres - distances[:2], centres + distances[2:]]), found[
            "probabilities"
        ].reshape(CLASSES, -1)


@cache
def _anchors(strips: int) -> tuple[np.ndarray, np.ndarray]:
    """`strip_anchors` of a whole picture."""
    centres, strides = strip_anchors()
    tops = np.array([[0], [STRIP]], np.float32)
    return np.concatenate([centres + strip * tops for strip in range(strips)], axis=1), np.tile(
        strides, strips
    )


def _as_images(picture: np.ndarray) -> np.ndarray:
    """uint8 [height, width, 3] as float32 [1, 3, height, width] in 0 to 1."""
    found: np.ndarray = np.divide(
        picture.transpose(2, 0, 1)[None], np.float32(255), dtype=np.float32, order="C"
    )
    return found


def _strip_samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    pictures = _pictures(STRIP * sizes["strips"], random)
    return [{"strips": picture.reshape(1, -1, STRIP, SIDE, 3)} for picture in pictures]


def _pictures(height: int, random: np.random.Generator) -> list[np.ndarray]:
    """Patches of colour as in a scene, noise, and nothing at all; uint8 [height, SIDE, 3]."""
    patches = (
        random.integers(0, 256, (height // 32, SIDE // 32, 3), dtype=np.uint8)
        .repeat(32, axis=0)
        .repeat(32, axis=1)
    )
    return [
        patches,
        random.integers(0, 256, (height, SIDE, 3), dtype=np.uint8),
        np.zeros((height, SIDE, 3), np.uint8),
    ]


_OVERLAP = 0.7
"""Intersection over union from which two boxes are of one person: what ultralytics takes."""


class PersonDetector:
    """Finds the persons in a picture; the same picture always gives the same boxes."""

    def __init__(self, network: PersonFinder, *, probability: float = 0.5) -> None:
        """`probability`: persons of a lower one are not told."""
        self._network = network
        self._probability = probability

    def boxes(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes float32 [k, 4] (left, top, right, bottom in pixels) and probabilities [k] of the persons,
        most probable first.

        `image`: uint8 [height, width, 3], RGB.
        """
        fitted = letterbox(image, SIDE, self._network.heights)
        boxes, classes = self._network.find(fitted.picture)
        likely = np.flatnonzero(classes[PERSON] > self._probability)
        persons = likely[classes[:, likely].argmax(0) == PERSON]
        found, probabilities = boxes[:, persons].T, classes[PERSON, persons]
        kept = non_maximum_suppression(found, probabilities, _OVERLAP)
        return fitted.back(found[kept]), probabilities[kept]


@dataclass(frozen=True, slots=True)
class DescribedBody:
    """One person in a picture."""

    box: np.ndarray
    """float32 [4]: left, top, right, bottom in pixels of the picture."""
    probability: float
    descriptor: np.ndarray
    """float32 [BodyEncoder.dim]."""
    look: np.ndarray
    """What the motion of the next look is told by; see `look_at_body`."""


class BodyEncoder:
    """Finds and describes the people in a picture: their posture, and how they moved since an earlier one;
    the same pictures always give the same bodies."""

    dim = POSTURE_DIM + MOTION_DIM

    def __init__(self, detector: PersonDetector, *, maximum_bodies: int = 8) -> None:
        """`maximum_bodies`: of more people than that, only the largest are described."""
        self._detector = detector
        self._maximum_bodies = maximum_bodies

    def describe(
        self,
        image: np.ndarray,
        faces: Sequence[np.ndarray],
        earlier: Sequence[DescribedBody] = (),
        seconds: float = math.inf,
    ) -> list[DescribedBody]:
        """The people in `image` (uint8 [height, width, 3], RGB), the largest first; `faces` are the face
        boxes in it, `earlier` the people `seconds` before."""
        found = self.boxes(image)
        boxes = [box for box, _ in found]
        owners = match_faces(boxes, faces)
        before = match_bodies([body.box for body in earlier], boxes)
        bodies = []
        for (box, probability), owner, known in zip(found, owners, before, strict=True):
            look = look_at_body(image, box, faces)
            past = None if known is None else earlier[known]
            moved = motion(None if past is None else (past.box, past.look), (box, look), seconds)
            posture = describe_posture(image, box, faces, owner)
            bodies.append(DescribedBody(box, probability, np.concatenate([posture, moved]), look))
        return bodies

    def boxes(self, image: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Box (float32 [4]) and probability of every person in `image`, the largest first."""
        boxes, probabilities = self._detector.boxes(image)
        sizes = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        order = np.lexsort((boxes[:, 0], -sizes))[: self._maximum_bodies]
        return [(boxes[index], float(probabilities[index])) for index in order]


def open_body(pool: EnginePool, weights: Path) -> BodyEncoder:
    """Describes the people that the network in `weights` finds: an .onnx or .pt file (only a .pt that you
    trust).

    Raises `UserError` where the file is missing or holds something else, where ultralytics is missing that a
    .pt needs, and where nothing can run it as the settings ask for.
    """
    return BodyEncoder(PersonDetector(person_network(pool.engine(person_spec(weights)), weights)))
