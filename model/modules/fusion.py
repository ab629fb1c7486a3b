"""How the modes become one vector: QAF, query adaptive fusion (AMuSE's form of AM²-EmoJE Eq. 2), which also
gives each mode's exact weight, or one of the plain ways that the papers set beside it."""

import torch
from torch import Tensor, nn

from emotrack.modalities import MODES
from emotrack.model.configuration import NetworkConfiguration


class QueryAdaptiveFusion(nn.Module):
    """A(u) = Σ_k β_k ⊙ f̃^k with Σ_k β_k = 1, β ≥ 0."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width = configuration.width
        self.kind = configuration.fusion
        if self.kind == "query":
            self.mode_embedding = nn.Parameter(torch.randn(len(MODES), width) * 0.1)
            self.gate = nn.Sequential(nn.Linear(5 * width, width), nn.GELU(), nn.Linear(width, width))
        elif self.kind == "constant":
            self.raw_mixing = nn.Parameter(torch.zeros(len(MODES), len(MODES), width))

    def mixing(self, descriptors: Tensor) -> Tensor:
        """α^m_i = σ(MLP[f^m; f^i; |f^m−f^i|; e_m; e_i]) at [:, m, i], [B, 3, 3, d] in (0, 1)."""
        batch, modes, width = descriptors.shape
        shape = (batch, modes, modes, width)
        if self.kind == "equal":
            return descriptors.new_zeros(shape)
        if self.kind == "constant":
            return torch.sigmoid(self.raw_mixing).expand(shape)
        own, other = descriptors[:, :, None].expand(shape), descriptors[:, None].expand(shape)
        names = self.mode_embedding.expand(batch, modes, width)
        own_name, other_name = names[:, :, None].expand(shape), names[:, None].expand(shape)
        return torch.sigmoid(
            self.gate(torch.cat([own, other, (own - other).abs(), own_name, other_name], -1))
        )

    def forward(self, descriptors: Tensor, availability: Tensor) -> tuple[Tensor, Tensor]:
        """Fuses f̃ [B, 3, d] under the soft availability w̃ [B, 3] in [0, 1].

        Returns A [B, d] and β [B, 3, d], the exact weight of each mode; both are zero where nothing is
        available.
        """
        weights = mode_weights(self.mixing(descriptors), availability)
        return (weights * descriptors).sum(1), weights


def mode_weights(mixing: Tensor, availability: Tensor) -> Tensor:
    """β_k = (w̃_k/ñ)[1 − Σ_{i≠k} w̃_i α^k_i / D_k] + (1/ñ) Σ_{m≠k} w̃_m w̃_k α^m_k / D_m with D_m = max(1,
    Σ_{i≠m} w̃_i).

    Collects the coefficients of f̃^k in A = (1/ñ) Σ_m w̃_m [f̃^m + Σ_{i≠m} w̃_i α^m_i ⊙ (f̃^i − f̃^m) / D_m].
    α [B, 3, 3, d], w̃ [B, 3]; β [B, 3, d].
    """
    others = ~torch.eye(availability.shape[1], dtype=torch.bool, device=availability.device)
    weight = torch.where(others, availability[:, None, :], 0.0)
    share = (weight / weight.sum(2, keepdim=True).clamp(min=1))[..., None] * mixing
    given = availability[..., None] * (1 - share.sum(2)) + (availability[:, :, None, None] * share).sum(1)
    total = availability.sum(1)[:, None, None]
    return given / torch.where(total > 0, total, 1.0)


def fusion_of(configuration: NetworkConfiguration) -> nn.Module:
    """The fusion that `configuration` names; called with f̃ [B, 3, d] and w̃ [B, 3] it gives A [B, d] and
    weights [B, 3, d]."""
    if configuration.fusion == "concatenation":
        return Concatenation(configuration)
    if configuration.fusion == "product":
        return Product(configuration)
    return QueryAdaptiveFusion(configuration)


class Concatenation(nn.Module):
    """A = W [w̃_1 f̃^1; w̃_2 f̃^2; w̃_3 f̃^3]."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.join = nn.Linear(len(MODES) * configuration.width, configuration.width)

    def forward(self, descriptors: Tensor, availability: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, d] and [B, 3] to [B, d] and [B, 3, d]."""
        return self.join((availability[..., None] * descriptors).flatten(1)), shares(
            descriptors, availability
        )


class Product(nn.Module):
    """A = LN(Π_m (1 − w̃_m + w̃_m ⊙ W_m f̃^m)): Hadamard product of the modes, in which one that is missing
    counts as 1."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width = configuration.width
        self.project = nn.ModuleList(nn.Linear(width, width) for _ in MODES)
        self.norm = nn.LayerNorm(width)

    def forward(self, descriptors: Tensor, availability: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, d] and [B, 3] to [B, d] and [B, 3, d]."""
        projected = torch.stack(
            [project(descriptors[:, mode]) for mode, project in enumerate(self.project)], 1
        )
        soft = availability[..., None]
        return self.norm((1 - soft + soft * projected).prod(1)), shares(descriptors, availability)


def shares(descriptors: Tensor, availability: Tensor) -> Tensor:
    """w̃_k / ñ for every number of f̃ [B, 3, d]; zero where nothing is available."""
    total = availability.sum(1, keepdim=True)
    return (availability / torch.where(total > 0, total, 1.0))[..., None].expand_as(descriptors)
