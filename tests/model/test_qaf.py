"""Query adaptive fusion: the published weights are exact."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emotrack.model.qaf import QueryAdaptiveFusion, mode_weights
from helpers.network import small_configuration

availabilities = st.lists(st.one_of(st.just(0.0), st.just(1.0), st.floats(0.0, 1.0, exclude_min=True)), min_size=3, max_size=3)


def by_definition(f: Tensor, alpha: Tensor, w: Tensor) -> Tensor:
    """A = (1/ñ) Σ_m w̃_m [f̃^m + Σ_{i≠m} w̃_i α^m_i ⊙ (f̃^i − f̃^m) / max(1, Σ_{i≠m} w̃_i)], term by term as MODEL has it."""
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
