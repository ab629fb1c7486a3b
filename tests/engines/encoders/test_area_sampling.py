"""Sizes and crops read from the table of sums are those that torch averages pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from emotrack.engines.encoders.pictures import AreaSampling

SIDES, TARGETS = st.integers(1, 90), st.integers(1, 200)


def picture(height: int, width: int, seed: int) -> np.ndarray:
    """Noise, or for even seeds the brightest there is, of which the sums are greatest."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return noise if seed % 2 else np.full_like(noise, 255)


def by_torch(image: np.ndarray, height: int, width: int) -> np.ndarray:
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    return ((interpolate(pixels, size=(height, width), mode="area")[0] - 127.5) / 128).numpy()


@given(SIDES, SIDES, TARGETS, TARGETS, st.integers(0, 9))
def test_a_picture_at_any_size(height: int, width: int, down: int, across: int, seed: int) -> None:
    image = picture(height, width, seed)
    target = np.empty((3, down, across), np.float32)
    AreaSampling(image).resize(target)
    np.testing.assert_allclose(target, by_torch(image, down, across), atol=1e-6)


@given(
    SIDES,
    SIDES,
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), max_size=5),
    st.sampled_from([1, 24, 48]),
    st.integers(0, 9),
)
def test_any_crops(height: int, width: int, parts: list[tuple[float, ...]], size: int, seed: int) -> None:
    image = picture(height, width, seed)
    edges = np.array([_edges(part, height, width) for part in parts], np.int64).reshape(-1, 4)
    crops = AreaSampling(image).crops(edges, size)
    assert crops.shape == (len(parts), 3, size, size) and crops.dtype == np.float32
    for crop, (left, top, right, bottom) in zip(crops, edges, strict=True):
        np.testing.assert_allclose(crop, by_torch(image[top:bottom, left:right], size, size), atol=1e-6)


def test_large_pictures_whose_sums_overflow() -> None:
    image = np.full((960, 960, 3), 255, np.uint8)
    image[::2, ::3, 1] = 0
    target = np.empty((3, 13, 14), np.float32)
    AreaSampling(image).resize(target)
    np.testing.assert_allclose(target, by_torch(image, 13, 14), atol=1e-6)


def test_means_without_room_for_their_sums_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot stand for more than 8224 pixels"):
        AreaSampling(np.zeros((100, 100, 3), np.uint8)).resize(np.empty((3, 1, 1), np.float32))


def _edges(part: tuple[float, ...], height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a rectangle of one pixel at least."""
    left, top = int(part[0] * (width - 1)), int(part[1] * (height - 1))
    return (
        left,
        top,
        left + 1 + int(part[2] * (width - left - 1)),
        top + 1 + int(part[3] * (height - top - 1)),
    )
