"""Dialogue context as single steps on named tensors: the live label's, and the reviser's over its window."""

from pathlib import Path

from torch import Tensor, nn

from emotrack.model.building import load_network
from emotrack.model.context import Turns
from emotrack.model.network import EmotionNetwork


def step(weights: Path, configuration: str) -> "ContextStep":
    """One step of a network's context with its live head; raises `UserError` for other weights."""
    return ContextStep(load_network(weights, configuration))


def reviser(weights: Path, configuration: str) -> "WindowReviser":
    """A network's reviser; raises `UserError` for other weights."""
    return WindowReviser(load_network(weights, configuration))


class ContextStep(nn.Module):
    """`EmotionNetwork.step`."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, vector: Tensor, speaker_hidden: Tensor, speaker_cell: Tensor, dialogue_hidden: Tensor, dialogue_cell: Tensor
    ) -> tuple[Tensor, ...]:
        """A(u) [B, d] and four states [B, h] to logits [B, C] and the four states after it."""
        logits, speaker, dialogue = self.network.step(vector, (speaker_hidden, speaker_cell), (dialogue_hidden, dialogue_cell))
        return logits, *speaker, *dialogue


class WindowReviser(nn.Module):
    """`EmotionNetwork.revise`."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, vectors: Tensor, speakers: Tensor, valid: Tensor, speaking: Tensor, dialogue: Tensor) -> Tensor:
        """Newest last: `vectors` [B, W, d], `speakers` int64 [B, W] in 0..W−1, `valid` [B, W] bool, states [B, W, h]; [B, W, C]."""
        return self.network.revise(Turns(vectors, speakers, valid, vectors.shape[1]), speaking, dialogue)
