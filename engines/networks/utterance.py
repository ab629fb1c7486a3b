"""ACN, JE and QAF: all of the network that looks at one utterance by itself, on named tensors instead of
batches with masks."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from emotrack.engines.contract.exporting import BothWays
from emotrack.modalities import MODALITIES
from emotrack.model.modules.attention import masked_mean
from emotrack.model.modules.unimodal import EncodedModes, ModalityEncoder
from emotrack.model.network import EmotionNetwork, load_network


def network(weights: Path, configuration: str) -> "UtteranceNetwork":
    """The part of a network before any dialogue; raises `UserError` for other weights."""
    return UtteranceNetwork(load_network(weights, configuration))


class UtteranceNetwork(nn.Module):
    """`EmotionNetwork.fuse` in evaluation mode."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network
        encoders = network.encoders.encoders
        self.modalities = nn.ModuleList(
            _Modality(cast(ModalityEncoder, encoders[name])) for name in MODALITIES
        )

    def forward(
        self, text: Tensor, audio: Tensor, face: Tensor, body: Tensor, counts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens [B, n, width] per modality, valid up to `counts` int64 [B, 4].

        Its row [B, row_width], the weight of each modality in A(u) [B, 4], and which modes are imputed [B, 3]
        bool.
        """
        fusion = self.network.fuse_encoded(
            self.encode((text, audio, face, body), counts * self.network.trained_modalities)
        )
        return fusion.said, fusion.weights, fusion.imputed

    def encode(self, tokens: tuple[Tensor, ...], counts: Tensor) -> EncodedModes:
        """What `UnimodalEncoders` makes of the same modalities."""
        given = zip(self.modalities, tokens, counts.unbind(1), strict=True)
        encoded, masks = zip(*(modality(values, count) for modality, values, count in given), strict=True)
        text, audio, face, body = encoded
        encoders = self.network.encoders
        seen = torch.cat([masks[2], masks[3]], 1)
        vision = torch.cat([face + encoders.region[0], body + encoders.region[1]], 1)
        for layer in encoders.layers:
            vision = layer(vision, seen)
        return EncodedModes(
            tokens=(text, audio, encoders.norm(vision)),
            masks=(masks[0], masks[1], seen),
            regions=torch.stack([masked_mean(face, masks[2]), masked_mean(body, masks[3])], 1),
            counts=counts,
        )


class _Modality(nn.Module):
    """`ModalityEncoder` over padded sequences."""

    def __init__(self, encoder: ModalityEncoder) -> None:
        super().__init__()
        self.both_ways = BothWays(encoder.lstm)
        self.project = encoder.project
        self.norm = encoder.norm

    def forward(self, values: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """[B, n, width] and [B] to [B, n, d] and the mask [B, n]."""
        mask = torch.arange(values.shape[1], device=values.device) < counts[:, None]
        states = self.both_ways(torch.where(mask[..., None], values, 0.0), counts)
        return self.norm(self.project(states)), mask
