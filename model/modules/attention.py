"""Multi-head attention with padded keys, written out as products and a softmax so that it converts to
inference engines."""

import torch
from torch import Tensor, nn

PADDED_SCORE = -3e4
"""Score of a padded key: finite in fp16, and its softmax weight underflows to exactly zero."""


class Attention(nn.Module):
    """softmax(e^{γ_h} Q Kᵀ/√d_h + B) V W_O (AM²-EmoJE Eq. 1).

    γ_h is one learned scalar per head; it stands for the paper's `linear` over an axis whose length varies.
    W_O has no bias, so that a row without any valid key receives exactly zero.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.log_scale = nn.Parameter(torch.zeros(heads))

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """What `query` [B, q, d] reads from `memory` [B, k, d] where `mask` [B, k] is True; [B, q, d]."""
        queries, keys, values = (
            self._split(self.query(query)),
            self._split(self.key(memory)),
            self._split(self.value(memory)),
        )
        scale = self.log_scale.exp() * queries.shape[-1] ** -0.5
        scores = torch.matmul(queries * scale[:, None, None], keys.transpose(-1, -2))
        scores = scores.masked_fill(~mask[:, None, None, :], PADDED_SCORE)
        read = torch.matmul(torch.softmax(scores, -1), values)
        read = torch.where(mask.any(1)[:, None, None, None], read, 0.0)
        found: Tensor = self.output(read.transpose(1, 2).flatten(2))
        return found

    def _split(self, tokens: Tensor) -> Tensor:
        found: Tensor = tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return found


class FeedForward(nn.Module):
    """The pre-norm feed-forward step that follows attention, without its residual."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, n, d] to [B, n, d]."""
        found: Tensor = self.layers(tokens)
        return found


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean of `tokens` [B, n, d] over the positions where `mask` [B, n] is True; zero where there are none.
    [B, d]."""
    kept = torch.where(mask[..., None], tokens, 0.0)
    return kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1).to(tokens.dtype)
