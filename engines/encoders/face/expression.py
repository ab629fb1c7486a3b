"""The expression on a face: cut out as the faces of FER2013 are framed, and described by our own network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.engine import RunnableEngine, run_in_parts
from emotrack.engines.contract.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.model.formats import EXPRESSIONS, FACE_DIM, FACE_SIZE


def similarity(landmarks: np.ndarray, places: np.ndarray) -> tuple[complex, complex]:
    """`turn` and `shift` of the similarity that takes `places` [5, 2] nearest to `landmarks` [5, 2], by least
    squares.

    In complex numbers (Umeyama 1991): a place x + iy lies at `turn` · (x + iy) + `shift` in the picture;
    |`turn`| is how many of the picture's pixels are one of the crop.
    """
    to, found = places @ [1, 1j], landmarks.astype(np.float64) @ [1, 1j]
    centred = to - to.mean()
    turn = np.vdot(centred, found - found.mean()) / np.vdot(centred, centred)
    return complex(turn), complex(found.mean() - turn * to.mean())


def aligned(image: np.ndarray, landmarks: np.ndarray, places: np.ndarray, side: int) -> np.ndarray:
    """The face with `landmarks` (float32 [5, 2]) in `image` (uint8 [height, width, 3], RGB) as a grey uint8
    [side, side].

    Its landmarks come as near to `places` [5, 2], in pixels of the crop, as turning, scaling and moving can
    bring them. Where the crop reaches past the picture, the border's pixels are continued.
    """
    turn, shift = similarity(landmarks, places)
    height, width = image.shape[:2]
    corners = turn * np.array([0, side, side * 1j, side * (1 + 1j)]) + shift
    left, right = _within(corners.real, width)
    top, bottom = _within(corners.imag, height)
    # A large face is shrunk first, or it would be sampled pixel by pixel.
    factor = max(1, int(abs(turn)))
    grey = np.asarray(Image.fromarray(image[top:bottom, left:right]).convert("L").reduce(factor), np.float32)
    centres = np.arange(side) + 0.5
    points = (turn * (centres + 1j * centres[:, None]) + shift - complex(left, top)) / factor - (0.5 + 0.5j)
    found: np.ndarray = np.rint(_sampled(grey, points)).astype(np.uint8)
    return found


def _within(reach: np.ndarray, length: int) -> tuple[int, int]:
    """First and last-but-one pixel of what `reach` spans of a picture's side of `length` pixels; at least
    one."""
    first = int(np.clip(reach.min() - 1, 0, length - 1))
    return first, max(first + 1, int(np.clip(reach.max() + 2, 0, length)))


def _sampled(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Brightness of `grey` float32 [height, width] at `points` complex [...], between pixels by bilinear
    interpolation."""
    across, down = (
        np.clip(part, 0, length - 1)
        for part, length in zip((points.real, points.imag), grey.shape[::-1], strict=True)
    )
    x, y = across.astype(int), down.astype(int)
    beyond_x, beyond_y = np.minimum(x + 1, grey.shape[1] - 1), np.minimum(y + 1, grey.shape[0] - 1)
    above = grey[y, x] + (across - x) * (grey[y, beyond_x] - grey[y, x])
    below = grey[beyond_y, x] + (across - x) * (grey[beyond_y, beyond_x] - grey[beyond_y, x])
    return np.asarray(above + (down - y) * (below - above))


_BATCH = batch_axis()

PLACES = np.array([[15.0, 18.8], [33.0, 18.8], [24.0, 29.1], [16.5, 37.9], [31.5, 37.9]])
"""Where the eyes, the nose and the corners of the mouth come to lie, in pixels of a crop.

Measured: the medians of what MTCNN finds on 421 of 500 training images of FER2013 (enlarged, borders
continued), mirrored onto themselves. So a live face lies in its crop as the faces that the network learnt
from do: those spread about these places by 18 % in scale, 8 degrees in the plane and 3 to 5 pixels.
"""


def crop_face(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Cut a face out of an RGB image uint8 [h, w, 3] as a grey uint8 [48, 48].

    `landmarks` are MTCNN's, float32 [5, 2]: eyes, nose, corners of the mouth in pixels, those on the left of
    the image first. They come to lie at `PLACES`, as near as turning, scaling and moving can bring them;
    where the crop reaches past the image, the border's pixels are continued.
    """
    return aligned(image, landmarks, PLACES, FACE_SIZE)


def face_spec(weights: Path) -> Spec:
    """Our expression network with these weights."""
    return Spec(
        name="face",
        inputs=(Port("crops", "uint8", (_BATCH, FACE_SIZE, FACE_SIZE)),),
        outputs=(
            Port("descriptors", "float32", (_BATCH, FACE_DIM)),
            Port("logits", "float32", (_BATCH, len(EXPRESSIONS))),
        ),
        definition=Definition("emotrack.model.modules.face", {"weights": weights}),
        samples=_samples,
        decides="logits",
    )


class FaceEncoder:
    """Describes face crops; `dim` numbers each."""

    size = FACE_SIZE
    dim = FACE_DIM

    def __init__(self, engine: RunnableEngine) -> None:
        """`engine`: of `face_spec`."""
        self._engine = engine

    def encode(self, crops: np.ndarray) -> np.ndarray:
        """Describe crops uint8 [k, 48, 48] as float32 [k, 128]; k may be 0."""
        return self.read(crops).descriptors

    def read(self, crops: np.ndarray) -> "FaceReadings":
        """Describe crops uint8 [k, 48, 48], and say what each shows; k may be 0."""
        if not len(crops):
            return FaceReadings(*(np.zeros((0, width), np.float32) for width in (FACE_DIM, len(EXPRESSIONS))))
        found = run_in_parts(self._engine, "crops", crops, _BATCH.maximum)
        return FaceReadings(found["descriptors"], found["logits"])


@dataclass(frozen=True, slots=True)
class FaceReadings:
    """What the expression network makes of k faces."""

    descriptors: np.ndarray
    """float32 [k, 128]; of no numbers without a network."""
    logits: np.ndarray
    """float32 [k, 8], of `EXPRESSIONS`; of no numbers without a network."""

    @classmethod
    def none(cls, faces: int) -> "FaceReadings":
        """Of faces that nothing has read."""
        return cls(np.zeros((faces, 0), np.float32), np.zeros((faces, 0), np.float32))


def _samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    shape = (sizes["batch"], FACE_SIZE, FACE_SIZE)
    noise = random.integers(0, 256, shape, dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 255, FACE_SIZE).astype(np.uint8), shape)
    return [
        {"crops": crops} for crops in (ramp // 2 + noise // 2, noise, ramp.copy(), np.zeros(shape, np.uint8))
    ]
