"""ACN, the adaptive cross-attended network (AM²-EmoJE Eq. 1): every mode reads from its utterance's others.

Departure: the softmax is taken per peripheral mode and then summed, as in AMuSE; AM²'s sum of keys needs
equal token counts. A missing mode is left out by masking its keys, never multiplied by zero: a zeroed key
would still take softmax mass.
"""

import torch
from torch import Tensor, nn

from emotrack.modalities import MODES
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.modules.attention import Attention, FeedForward, masked_mean
from emotrack.model.modules.unimodal import EncodedModes


class CrossAttentionLayer(nn.Module):
    """G ← G + 1/max(1, n_w−1) Σ_i attention(LN(G), H^i);  G ← G + FFN(LN(G))."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(configuration.width)
        self.attention = Attention(configuration.width, configuration.heads)
        self.dropout = nn.Dropout(configuration.dropout)
        self.feed_forward = FeedForward(configuration.width, configuration.dropout)

    def injection(self, tokens: Tensor, peripherals: list[tuple[Tensor, Tensor]]) -> Tensor:
        """What the peripheral modes add to `tokens` [B, n, d], exactly zero where all are absent.

        `peripherals`: per mode its tokens H^i [B, n_i, d] and their mask [B, n_i].
        """
        normed = self.norm(tokens)
        read = torch.stack([self.attention(normed, memory, mask) for memory, mask in peripherals]).sum(0)
        available = torch.stack([mask.any(1) for _, mask in peripherals]).sum(0)
        return read / available.clamp(min=1)[:, None, None].to(read.dtype)

    def forward(self, tokens: Tensor, peripherals: list[tuple[Tensor, Tensor]]) -> Tensor:
        """[B, n, d] to [B, n, d]; without `peripherals` as where all of them are absent."""
        if peripherals:
            tokens = tokens + self.dropout(self.injection(tokens, peripherals))
        found: Tensor = tokens + self.dropout(self.feed_forward(tokens))
        return found


class AdaptiveCrossAttention(nn.Module):
    """Turns the tokens of each mode to one descriptor f^m that knows of the other modes present.

    Without layers (L = 0, the ablation "no multimodal attention") f^m is the mean of the mode's own tokens
    H^m, normalised.
    """

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(
            nn.ModuleList(CrossAttentionLayer(configuration) for _ in range(configuration.layers))
            for _ in MODES
        )
        self.norms = nn.ModuleList(nn.LayerNorm(configuration.width) for _ in MODES)

    def forward(self, encoded: EncodedModes, *, alone: bool = False) -> Tensor:
        """f^m = LN(masked mean of G^L), [B, 3, d]; zero for an absent mode. `alone`: each as if the others
        were absent."""
        descriptors = []
        pairs = list(zip(encoded.tokens, encoded.masks, strict=True))
        for mode, (tokens, mask) in enumerate(pairs):
            peripherals = [] if alone else [pair for other, pair in enumerate(pairs) if other != mode]
            stack: nn.Module = self.stacks[mode]
            for layer in stack.children():
                tokens = layer(tokens, peripherals)
            descriptor = self.norms[mode](masked_mean(tokens, mask))
            descriptors.append(torch.where(mask.any(1)[:, None], descriptor, 0.0))
        return torch.stack(descriptors, 1)
