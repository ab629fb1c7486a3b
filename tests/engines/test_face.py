"""Face crops and the face encoder."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.engines.face import CROP_SCALE, FaceEncoder, crop_face, face_spec
from emotrack.model.errors import UserError
from emotrack.model.face import FaceNetwork
from emotrack.model.voice import VoiceTop
from helpers.engines import pool


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("face") / "face.safetensors"
    safetensors.torch.save_file(FaceNetwork().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def encoder(weights: Path) -> FaceEncoder:
    return FaceEncoder(pool().engine(face_spec(weights)))


def test_a_crop_is_centred_on_the_box() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[95:105, 145:155] = 255  # a white spot in the middle of the box
    crop = crop_face(image, np.array([110.0, 50.0, 190.0, 150.0]))
    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8
    rows, columns = np.nonzero(crop > 128)
    assert rows.mean() == pytest.approx(23.5, abs=0.6)
    assert columns.mean() == pytest.approx(23.5, abs=0.6)
    side = CROP_SCALE * np.sqrt(80 * 100)
    assert len(set(rows)) == pytest.approx(10 / side * 48, abs=1.1)


def test_colours_become_grey_by_their_lightness() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[..., 1] = 255  # green
    assert crop_face(image, np.array([10.0, 10.0, 50.0, 50.0])).mean() == pytest.approx(150, abs=1)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(-500, 500)] * 4))
def test_any_box_gives_a_crop(box: tuple[float, float, float, float]) -> None:
    image = np.full((40, 70, 3), 77, np.uint8)
    crop = crop_face(image, np.array(box, np.float32))
    assert crop.shape == (48, 48)
    assert (crop == 77).all()


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


def test_half_precision_weights_run_in_single_precision(weights: Path, encoder: FaceEncoder, tmp_path: Path) -> None:
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
