"""Face crops and the face encoder."""

import cmath
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.engines.encoders.face.expression import PLACES, FaceEncoder, crop_face, face_spec, similarity
from emotrack.errors import UserError
from emotrack.model.modules.face import FaceNetwork
from emotrack.model.modules.voice import VoiceTop
from helpers.networks.engines import pool


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("face") / "face.safetensors"
    safetensors.torch.save_file(FaceNetwork().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def encoder(weights: Path) -> FaceEncoder:
    return FaceEncoder(pool().engine(face_spec(weights)))


def placed(turn: complex, shift: complex) -> np.ndarray:
    """Landmarks float32 [5, 2] of a face that lies in its picture turned, scaled and moved."""
    points = turn * (PLACES @ [1, 1j]) + shift
    return np.stack([points.real, points.imag], axis=1).astype(np.float32)


@pytest.mark.parametrize("turn", [1.0, 2.5, 7.3, cmath.rect(2, 0.4), cmath.rect(0.4, -1)])
def test_eyes_nose_and_mouth_come_to_lie_where_they_always_do(turn: complex) -> None:
    landmarks = placed(turn, 200 + 150j)
    rows, columns = np.mgrid[:600, :800]
    for place, (x, y) in zip(PLACES, landmarks, strict=True):
        image = np.zeros((600, 800, 3), np.uint8)
        image[np.hypot(columns + 0.5 - x, rows + 0.5 - y) < max(3 * abs(turn), 2)] = 255
        crop = crop_face(image, landmarks)
        assert crop.shape == (48, 48) and crop.dtype == np.uint8
        down, across = (np.average(axis + 0.5, weights=crop) for axis in np.mgrid[:48, :48])
        assert (across, down) == pytest.approx(tuple(place), abs=0.8)


def test_a_face_turned_to_one_side_keeps_its_upright_place() -> None:
    """Landmarks that no similarity takes to their places are taken as near to them as can be."""
    landmarks = placed(3, 100 + 100j)
    landmarks[2, 0] += 20
    turn, _ = similarity(landmarks, PLACES)
    assert abs(turn) == pytest.approx(3, rel=0.05) and abs(cmath.phase(turn)) < 0.05


def test_colours_become_grey_by_their_lightness() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[..., 1] = 255  # green
    assert crop_face(image, placed(1, 5 + 5j)).mean() == pytest.approx(150, abs=1)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-500, 500)] * 2), min_size=5, max_size=5))
def test_any_landmarks_give_a_crop_of_the_picture_alone(landmarks: list[tuple[float, float]]) -> None:
    image = np.full((40, 70, 3), 77, np.uint8)
    crop = crop_face(image, np.array(landmarks, np.float32))
    assert crop.shape == (48, 48)
    assert (crop == 77).all(), "however far out, the picture's border is continued"


def test_batching_changes_nothing(encoder: FaceEncoder) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)
    together = encoder.encode(crops)
    apart = np.concatenate([encoder.encode(crop[None]) for crop in crops])
    assert together.shape == (5, encoder.dim)
    assert together.dtype == np.float32
    assert np.abs(together - apart).max() <= 1e-5


def test_no_crops_no_descriptors(encoder: FaceEncoder) -> None:
    assert encoder.encode(np.zeros((0, 48, 48), np.uint8)).shape == (0, encoder.dim)


def test_exposure_hardly_matters(encoder: FaceEncoder) -> None:
    crop = np.random.default_rng(0).integers(60, 120, (1, 48, 48), dtype=np.uint8)
    assert np.abs(encoder.encode(crop) - encoder.encode(crop * 2 + 10)).max() < 0.01


def test_a_face_without_contrast_is_finite(encoder: FaceEncoder) -> None:
    assert np.isfinite(encoder.encode(np.zeros((1, 48, 48), np.uint8))).all()


def test_half_precision_weights_run_in_single_precision(
    weights: Path, encoder: FaceEncoder, tmp_path: Path
) -> None:
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in safetensors.torch.load_file(weights).items()
    }
    safetensors.torch.save_file(halves, tmp_path / "half.safetensors")
    crops = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    descriptors = FaceEncoder(pool().engine(face_spec(tmp_path / "half.safetensors"))).encode(crops)
    assert descriptors.dtype == np.float32
    assert np.abs(descriptors - encoder.encode(crops)).max() < 0.05


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"face network's weights cannot be read"):
        FaceEncoder(pool().engine(face_spec(tmp_path / "none.safetensors")))
    (tmp_path / "noise.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UserError, match="no safetensors file"):
        FaceEncoder(pool().engine(face_spec(tmp_path / "noise.safetensors")))
    safetensors.torch.save_file(VoiceTop(8).state_dict(), tmp_path / "voice.safetensors")
    with pytest.raises(UserError, match="does not hold the weights of the face network"):
        FaceEncoder(pool().engine(face_spec(tmp_path / "voice.safetensors")))
