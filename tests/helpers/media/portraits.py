"""A face as a camera films it: a photograph, or somebody who smiles."""

from collections.abc import Callable

import numpy as np
import skimage.data
from PIL import Image
from scipy.ndimage import map_coordinates

from emotrack.stream.sources.media import MediaItem, VideoFrame

Filming = Callable[[np.ndarray, float], np.ndarray]
"""What a camera makes of a scene, uint8 [height, width, 3], at a time in seconds."""

RATE = 5
SIDE = 256


def portrait() -> np.ndarray:
    return np.asarray(Image.fromarray(skimage.data.astronaut()).resize((SIDE, SIDE)))


def plainly(scene: np.ndarray, time: float) -> np.ndarray:
    return scene


def noisy(deviation: float) -> Filming:
    random = np.random.default_rng(1)
    return lambda scene, time: np.clip(scene + random.normal(0, deviation, scene.shape), 0, 255).astype(
        np.uint8
    )


def smiling(amount: float) -> Filming:
    """The corners of the mouth move by `amount` pixels, up and down in two and a half seconds."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    mouth = np.exp(-(((columns / SIDE - 0.435) / 0.06) ** 2) - (((rows / SIDE - 0.345) / 0.04) ** 2))

    def film(scene: np.ndarray, time: float) -> np.ndarray:
        shifted = rows + mouth * amount * np.sin(2 * np.pi * 0.4 * time)
        planes = [
            map_coordinates(scene[..., colour], [shifted, columns], order=1, mode="nearest")
            for colour in range(3)
        ]
        return np.stack(planes, -1).astype(np.uint8)

    return film


def film_of(film: Filming, seconds: float) -> list[MediaItem]:
    scene = portrait()
    return [VideoFrame(step / RATE, film(scene, step / RATE)) for step in range(round(seconds * RATE))]


HEAD_SIDE = 120
"""Pixels of a head that is cut out of the portrait, as wide as high."""


def head(time: float, film: Filming) -> np.ndarray:
    """The head alone at `time`, uint8 [120, 120, 3]."""
    return film(portrait(), time)[8 : 8 + HEAD_SIDE, 52 : 52 + HEAD_SIDE]
