"""MTCNN's three networks to those who run them: P-net proposes places, R-net refines what it proposed, O-net has the last word."""

import numpy as np

from emotrack.engines.definition import Definition
from emotrack.engines.spec import Arrays, Axis, Port, Shorter, Sizes, Spec, batch_axis

REFINED, FINAL = 24, 48
"""Pixels along a side of the crops that R-net and O-net take."""
AT_ONCE = 16
"""Crops that they take at once: what they make of so many still fits a processor's cache; with 64, each takes a tenth longer."""
_MARGIN = 5
"""Pairs of rows, or columns, by which P-net's answers are fewer than its inputs."""

_PICTURE, _BATCH = batch_axis(1), batch_axis(AT_ONCE)
_BUCKETS = (16, 32, 64, 128, 208, 296)
"""Pairs of pixels; the last are enough for a picture of 980 pixels, which is looked at with 0.6 of them to find faces of 20."""
_ROWS = Axis("rows", _BUCKETS, typical=145, minimum=7)
_COLUMNS = Axis("columns", _BUCKETS, typical=193, minimum=7)


def proposal_spec() -> Spec:
    """P-net, on a picture whose rows and columns come in pairs; its fourth plane says what lies past the border."""
    grid = (Shorter(_ROWS, _MARGIN), Shorter(_COLUMNS, _MARGIN))
    return Spec(
        name="face-proposals",
        inputs=(Port("pixels", "float32", (_PICTURE, 4, _ROWS, 2, _COLUMNS, 2)),),
        outputs=(Port("probabilities", "float32", (_PICTURE, *grid)), Port("moves", "float32", (_PICTURE, 4, *grid))),
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
    return Definition("emotrack.engines.networks.face_detection", function=function, packages=("facenet-pytorch",))


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
    waves = np.sin(np.linspace(0, 9, shape[-1], dtype=np.float32)) * np.sin(np.linspace(1, 7, shape[-2], dtype=np.float32))[:, None]
    return [0.7 * waves + 0.3 * noise, noise, np.full(shape, -127.5 / 128, np.float32), np.full(shape, 127.5 / 128, np.float32)]
