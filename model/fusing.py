"""How the modes become one vector: QAF, or one of the plain ways that the papers set beside it.

The concatenation and the product have no weights; what they publish as weights is the share of each mode among those available.
"""

import torch
from torch import Tensor, nn

from emotrack.model.configuration import MODES, NetworkConfiguration
from emotrack.model.qaf import QueryAdaptiveFusion


def fusion_of(configuration: NetworkConfiguration) -> nn.Module:
    """The fusion that `configuration` names; called with f̃ [B, 3, d] and w̃ [B, 3] it gives A [B, d] and weights [B, 3, d]."""
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
        return self.join((availability[..., None] * descriptors).flatten(1)), shares(descriptors, availability)


class Product(nn.Module):
    """A = LN(Π_m (1 − w̃_m + w̃_m ⊙ W_m f̃^m)): Hadamard product of the modes, in which one that is missing counts as 1."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width = configuration.width
        self.project = nn.ModuleList(nn.Linear(width, width) for _ in MODES)
        self.norm = nn.LayerNorm(width)

    def forward(self, descriptors: Tensor, availability: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, d] and [B, 3] to [B, d] and [B, 3, d]."""
        projected = torch.stack([project(descriptors[:, mode]) for mode, project in enumerate(self.project)], 1)
        soft = availability[..., None]
        return self.norm((1 - soft + soft * projected).prod(1)), shares(descriptors, availability)


def shares(descriptors: Tensor, availability: Tensor) -> Tensor:
    """w̃_k / ñ for every number of f̃ [B, 3, d]; zero where nothing is available."""
    total = availability.sum(1, keepdim=True)
    return (availability / torch.where(total > 0, total, 1.0))[..., None].expand_as(descriptors)
