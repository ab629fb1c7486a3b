"""The networks answer what facenet-pytorch's answer, and padding changes nothing."""

import numpy as np
import pytest
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.engines.contract.spec import Spec
from emotrack.engines.encoders.face.detection import (
    face_detection_specs,
    output_spec,
    proposal_spec,
    refinement_spec,
)
from helpers.networks.engines import pool


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def made_even(picture: np.ndarray) -> np.ndarray:
    """A picture [3, height, width] as P-net takes it."""
    _, height, width = picture.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    pixels = np.zeros((1, 4, rows, 2, columns, 2), np.float32)
    flat = pixels.reshape(4, 2 * rows, 2 * columns)
    flat[3] = 1
    flat[3, :height, :width] = 0
    flat[:3, :height, :width] = picture
    return pixels


@settings(max_examples=20, deadline=None)
@given(st.integers(13, 90), st.integers(13, 90), st.integers(0, 99))
def test_p_net_at_any_even_or_odd_size(height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).uniform(-1, 1, (3, height, width)).astype(np.float32)
    found = pool().engine(proposal_spec()).run(pixels=made_even(picture))
    with torch.inference_mode():
        moves, classes = PNet()(torch.from_numpy(picture)[None])
    assert_same(found["probabilities"], classes[:, 1].numpy())
    assert_same(found["moves"], moves.numpy())


def test_r_net(random: np.random.Generator) -> None:
    crops = random.uniform(-1, 1, (9, 3, 24, 24)).astype(np.float32)
    found = pool().engine(refinement_spec()).run(crops=crops)
    with torch.inference_mode():
        moves, classes = RNet()(torch.from_numpy(crops))
    assert_same(found["probabilities"], classes[:, 1].numpy())
    assert_same(found["moves"], moves.numpy())


def test_o_net(random: np.random.Generator) -> None:
    crops = random.uniform(-1, 1, (9, 3, 48, 48)).astype(np.float32)
    found = pool().engine(output_spec()).run(crops=crops)
    with torch.inference_mode():
        moves, landmarks, classes = ONet()(torch.from_numpy(crops))
    assert_same(found["probabilities"], classes[:, 1].numpy())
    assert_same(found["moves"], moves.numpy())
    assert_same(found["landmarks"].reshape(9, 10), landmarks.numpy())


@pytest.mark.parametrize("shape", [(20, 33), (289, 385), (14, 14)])
def test_padding_p_net_s_inputs_changes_nothing(random: np.random.Generator, shape: tuple[int, int]) -> None:
    """As backends do it that have a graph for each bucket of sizes."""
    spec = proposal_spec()
    run = pool().engine(spec).run
    inputs = {"pixels": made_even(random.uniform(-1, 1, (3, *shape)).astype(np.float32))}
    sizes = spec.measure(inputs)
    expected = run(**inputs)
    found = run(**{port.name: port.padded(inputs[port.name], spec.buckets(sizes)) for port in spec.inputs})
    for port in spec.outputs:
        assert port.lengths(sizes) == expected[port.name].shape
        assert_same(port.cut(found[port.name], sizes), expected[port.name])


@pytest.mark.parametrize("spec", face_detection_specs(), ids=lambda spec: spec.name)
def test_samples_fit_at_all_sizes(spec: Spec) -> None:
    for which in ("minimum", "typical", "maximum"):
        for inputs in spec.samples(spec.sizes(which), np.random.default_rng(0)):
            assert spec.measure(inputs) == spec.sizes(which)
