"""Unimodal encoders (AM²-EmoJE §3.1): the tokens of each mode, read both ways inside one finished
utterance."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from emotrack.modalities import MODALITIES
from emotrack.model.batch import ModalityTokens, UtteranceBatch
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.modules.attention import Attention, FeedForward, masked_mean


@dataclass(frozen=True)
class EncodedModes:
    """The modes of a batch as tokens of width d, in the order of `MODES`.

    `tokens`: three tensors H^m [B, n_m, d]; `masks`: three bool [B, n_m]; `regions`: mean face and body
    descriptor before they are joined, [B, 2, d] (the face–body pair of the guided NCE); `counts`: valid
    tokens per modality, [B, 4] long.
    """

    tokens: tuple[Tensor, ...]
    masks: tuple[Tensor, ...]
    regions: Tensor
    counts: Tensor

    @property
    def modes(self) -> Tensor:
        """Which modes have at least one valid token: w_m, [B, 3] bool."""
        return torch.stack([mask.any(1) for mask in self.masks], 1)

    def keep(self, modes: Tensor) -> "EncodedModes":
        """The same tokens with only the modes that `modes`, bool [3] or [B, 3], leaves in."""
        rows = modes.to(self.counts.device).expand(len(self.counts), len(self.masks))
        masks = tuple(mask & rows[:, index, None] for index, mask in enumerate(self.masks))
        kept = torch.stack([rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 2]], 1)
        return EncodedModes(self.tokens, masks, self.regions, torch.where(kept, self.counts, 0))


class ModalityEncoder(nn.Module):
    """H = LayerNorm(W · BiLSTM(X)); the LSTM runs over valid tokens only, so padding never changes an
    answer."""

    def __init__(self, input_width: int, configuration: NetworkConfiguration) -> None:
        super().__init__()
        hidden = configuration.unimodal_hidden
        self.lstm = nn.LSTM(input_width, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(configuration.dropout)
        self.project = nn.Linear(2 * hidden, configuration.width)
        self.norm = nn.LayerNorm(configuration.width)

    def forward(self, modality: ModalityTokens) -> Tensor:
        """[B, n, d]; padded positions hold finite numbers without meaning."""
        # An absent row runs over one zero token, since a packed sequence cannot be empty.
        lengths = modality.counts.clamp(min=1).cpu()
        packed = pack_padded_sequence(
            self.dropout(modality.values), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=modality.mask.shape[1]
        )
        found: Tensor = self.norm(self.project(self.dropout(states)))
        return found


class RegionAttention(nn.Module):
    """One layer of pre-norm self-attention over the joined face and body tokens."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(configuration.width)
        self.attention = Attention(configuration.width, configuration.heads)
        self.feed_forward = FeedForward(configuration.width, configuration.dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """[B, n, d] to [B, n, d] with keys where `mask` [B, n]."""
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed, mask)
        found: Tensor = tokens + self.feed_forward(tokens)
        return found


class UnimodalEncoders(nn.Module):
    """One BiLSTM per modality; vision joins those of face and body along the sequence and lets them
    attend."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {name: ModalityEncoder(getattr(configuration.widths, name), configuration) for name in MODALITIES}
        )
        self.region = nn.Parameter(torch.randn(2, configuration.width) * 0.1)
        self.layers = nn.ModuleList(
            RegionAttention(configuration) for _ in range(configuration.region_layers)
        )
        self.norm = nn.LayerNorm(configuration.width)

    def forward(self, batch: UtteranceBatch) -> EncodedModes:
        """Encodes all modalities of a batch."""
        text, audio, face, body = (
            self.encoders[name](modality) for name, modality in zip(MODALITIES, batch.modalities, strict=True)
        )
        seen = torch.cat([batch.face.mask, batch.body.mask], 1)
        vision = torch.cat([face + self.region[0], body + self.region[1]], 1)
        for layer in self.layers:
            vision = layer(vision, seen)
        return EncodedModes(
            tokens=(text, audio, self.norm(vision)),
            masks=(batch.text.mask, batch.audio.mask, seen),
            regions=torch.stack([masked_mean(face, batch.face.mask), masked_mean(body, batch.body.mask)], 1),
            counts=torch.stack([modality.counts for modality in batch.modalities], 1),
        )
