"""Query adaptive fusion: the published weights are exact."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emotrack.model.configuration import Fusing
from emotrack.model.modules.fusion import (
    Concatenation,
    Product,
    QueryAdaptiveFusion,
    fusion_of,
    mode_weights,
)
from helpers.networks.small import random_batch, small_configuration, small_network

availabilities = st.lists(
    st.one_of(st.just(0.0), st.just(1.0), st.floats(0.0, 1.0, exclude_min=True)), min_size=3, max_size=3
)


def by_definition(f: Tensor, alpha: Tensor, w: Tensor) -> Tensor:
    """A = (1/ñ) Σ_m w̃_m [f̃^m + Σ_{i≠m} w̃_i α^m_i ⊙ (f̃^i − f̃^m) / max(1, Σ_{i≠m} w̃_i)], term by term as
    MODEL has it."""
    total = torch.zeros_like(f[0])
    for m in range(3):
        others = [i for i in range(3) if i != m]
        divisor = max(1.0, sum(float(w[i]) for i in others))
        moved = sum(((w[i] * alpha[m, i] * (f[i] - f[m])) / divisor for i in others), f[m])
        total = total + w[m] * moved
    return total / w.sum()


@settings(max_examples=60, deadline=None)
@given(soft=availabilities.filter(lambda soft: sum(soft) > 1e-3), seed=st.integers(0, 999))
def test_weights_reconstruct_the_fused_vector(soft: list[float], seed: int) -> None:
    torch.manual_seed(seed)
    fusion = QueryAdaptiveFusion(small_configuration()).double()
    f, w = torch.randn(1, 3, 8).double(), torch.tensor([soft]).double()
    fused, weights = fusion(f, w)
    expected = by_definition(f[0], fusion.mixing(f)[0], w[0])
    torch.testing.assert_close(fused[0], expected, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(weights.sum(1), torch.ones(1, 8).double())
    assert (weights >= -1e-12).all()


def test_extreme_mixing_keeps_weights_in_range() -> None:
    for value in (0.0, 1.0):
        weights = mode_weights(torch.full((1, 3, 3, 2), value), torch.tensor([[1.0, 0.3, 0.9]]))
        assert (weights >= -1e-6).all()
        torch.testing.assert_close(weights.sum(1), torch.ones(1, 2))


def test_mixing_depends_on_the_query_and_lies_between_zero_and_one() -> None:
    torch.manual_seed(0)
    fusion = QueryAdaptiveFusion(small_configuration())
    alpha = fusion.mixing(torch.randn(2, 3, 8))
    assert ((alpha > 0) & (alpha < 1)).all() and not torch.allclose(alpha[0], alpha[1])


def test_the_fused_vector_moves_smoothly_with_availability() -> None:
    """A mode that fades out leaves no step behind: w̃ → 0 gives what leaving the mode out gives."""
    torch.manual_seed(0)
    fusion = QueryAdaptiveFusion(small_configuration())
    f = torch.randn(1, 3, 8)
    faded, gone = (fusion(f, torch.tensor([[1.0, 1.0, soft]]))[0] for soft in (1e-6, 0.0))
    torch.testing.assert_close(faded, gone, atol=1e-5, rtol=0)


KINDS: tuple[Fusing, ...] = ("query", "constant", "equal", "concatenation", "product")


def test_equal_weights_are_equal_among_the_modes_available() -> None:
    fusion = fusion_of(small_configuration(fusion="equal"))
    assert not list(fusion.parameters())
    f = torch.randn(1, 3, 8)
    fused, weights = fusion(f, torch.tensor([[1.0, 0.0, 1.0]]))
    torch.testing.assert_close(weights, torch.tensor([0.5, 0.0, 0.5])[None, :, None].expand(1, 3, 8))
    torch.testing.assert_close(fused, (f[:, 0] + f[:, 2]) / 2)


def test_constant_mixing_is_learned_and_the_same_for_every_query() -> None:
    torch.manual_seed(0)
    fusion = QueryAdaptiveFusion(small_configuration(fusion="constant"))
    torch.nn.init.normal_(fusion.raw_mixing)
    f, w = torch.randn(2, 3, 8), torch.tensor([[1.0, 0.4, 1.0], [1.0, 0.4, 1.0]])
    fused, weights = fusion(f, w)
    assert torch.equal(weights[0], weights[1])
    torch.testing.assert_close(fused[0], by_definition(f[0], fusion.mixing(f)[0], w[0]))


def test_concatenation_joins_what_is_available() -> None:
    torch.manual_seed(0)
    fusion = fusion_of(small_configuration(fusion="concatenation"))
    assert isinstance(fusion, Concatenation)
    f = torch.randn(1, 3, 8)
    fused, _ = fusion(f, torch.tensor([[1.0, 0.0, 0.5]]))
    joined = torch.cat([f[0, 0], torch.zeros(8), f[0, 2] / 2])
    torch.testing.assert_close(fused[0], fusion.join.weight @ joined + fusion.join.bias)


def test_product_counts_a_missing_mode_as_one() -> None:
    torch.manual_seed(0)
    fusion = fusion_of(small_configuration(fusion="product"))
    assert isinstance(fusion, Product)
    f = torch.randn(1, 3, 8)
    fused, _ = fusion(f, torch.tensor([[1.0, 0.0, 1.0]]))
    torch.testing.assert_close(fused, fusion.norm(fusion.project[0](f[:, 0]) * fusion.project[2](f[:, 2])))


@pytest.mark.parametrize("kind", KINDS)
def test_every_fusion_ignores_a_missing_mode_and_its_weights_sum_to_one(kind: Fusing) -> None:
    torch.manual_seed(0)
    fusion = fusion_of(small_configuration(fusion=kind))
    f, w = torch.randn(2, 3, 8), torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    fused, weights = fusion(f, w)
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 8))
    changed = torch.where(w[..., None] > 0, f, 7.0)
    assert torch.equal(fusion(changed, w)[0], fused)
    nothing, none = fusion(f, torch.zeros(2, 3))
    assert nothing.isfinite().all() and not none.any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_fusion_makes_a_network(kind: Fusing) -> None:
    network = small_network(fusion=kind)
    fusion = network.fuse(random_batch(network.configuration))
    assert fusion.vector.isfinite().all()
    torch.testing.assert_close(fusion.weights.sum(1), torch.ones(5))


def test_the_full_model_is_the_default() -> None:
    configuration = small_configuration()
    assert configuration.fusion == "query"
    assert set(QueryAdaptiveFusion(configuration).state_dict()) == {
        "mode_embedding", "gate.0.weight", "gate.0.bias", "gate.2.weight", "gate.2.bias",
    }  # fmt: skip
