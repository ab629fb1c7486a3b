"""Dialogue context as single steps on named tensors: the live label's, and the reviser's over its window."""

from pathlib import Path

from torch import Tensor, nn

from emotrack.model.modules.context import PaddedTurns, Said
from emotrack.model.modules.evidence import Usual
from emotrack.model.network import EmotionNetwork, Remembered, load_network


def step(weights: Path, configuration: str) -> nn.Module:
    """One step of a network's context with its live label; raises `UserError` for other weights."""
    network = load_network(weights, configuration)
    if network.configuration.weighs_evidence:
        return EvidenceStep(network)
    return RecallingStep(network) if network.configuration.memory else ContextStep(network)


def reviser(weights: Path, configuration: str) -> nn.Module:
    """A network's reviser; raises `UserError` for other weights."""
    network = load_network(weights, configuration)
    return EvidenceReviser(network) if network.configuration.weighs_evidence else WindowReviser(network)


class EvidenceStep(nn.Module):
    """`EmotionNetwork.step` where voice and vision are evidence."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        row: Tensor,
        speaker_hidden: Tensor,
        speaker_cell: Tensor,
        dialogue_hidden: Tensor,
        dialogue_cell: Tensor,
        usual: Tensor,
        usual_count: Tensor,
    ) -> tuple[Tensor, ...]:
        """A row [B, row_width], four states [B, h] and the speaker's usual [B, 2, C] and [B, 2] to the
        label's logits [B, C], evidence [B, C] and contributions [B, 3, C], and what is remembered after
        it."""
        before = Remembered(
            (speaker_hidden, speaker_cell), (dialogue_hidden, dialogue_cell), Usual(usual, usual_count)
        )
        label, after = self.network.step(row, before)
        usual = after.usual.mean
        return (
            label.logits,
            label.evidence,
            label.contributions,
            *after.speaker,
            *after.dialogue,
            usual,
            after.usual.count,
        )


class RecallingStep(nn.Module):
    """`EmotionNetwork.step` of a network that labels by the fused vector, and whose JE remembers."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        row: Tensor,
        speaker_hidden: Tensor,
        speaker_cell: Tensor,
        dialogue_hidden: Tensor,
        dialogue_cell: Tensor,
        usual: Tensor,
        usual_count: Tensor,
    ) -> tuple[Tensor, ...]:
        """A row [B, row_width], four states [B, h] and the speaker's usual [B, 3, d] and [B, 3] to logits [B,
        C], the row as it is remembered, and what is remembered after it."""
        before = Remembered(
            (speaker_hidden, speaker_cell), (dialogue_hidden, dialogue_cell), Usual(usual, usual_count)
        )
        label, after = self.network.step(row, before)
        return label.logits, label.row, *after.speaker, *after.dialogue, after.usual.mean, after.usual.count


class ContextStep(nn.Module):
    """`EmotionNetwork.step` of a network that labels by the fused vector alone."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        row: Tensor,
        speaker_hidden: Tensor,
        speaker_cell: Tensor,
        dialogue_hidden: Tensor,
        dialogue_cell: Tensor,
    ) -> tuple[Tensor, ...]:
        """A row [B, row_width] and four states [B, h] to logits [B, C] and the four states after it."""
        nothing = row[:, None, :0]
        before = Remembered(
            (speaker_hidden, speaker_cell),
            (dialogue_hidden, dialogue_cell),
            Usual(nothing, nothing[..., 0, :]),
        )
        label, after = self.network.step(row, before)
        return label.logits, *after.speaker, *after.dialogue


class WindowReviser(nn.Module):
    """`EmotionNetwork.revise` of a network that labels by the fused vector alone."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, rows: Tensor, speakers: Tensor, valid: Tensor, speaking: Tensor, dialogue: Tensor
    ) -> Tensor:
        """Newest last: `rows` [B, W, row_width], `speakers` int64 [B, W] in 0..W−1, `valid` [B, W] bool,
        states [B, W, h]; gives [B, W, C]."""
        turns = PaddedTurns(Said.of(rows, self.network.configuration).vector, speakers, valid, rows.shape[1])
        return self.network.revise(turns, rows, speaking, dialogue, speaking[..., :0])


class EvidenceReviser(nn.Module):
    """`EmotionNetwork.revise` where voice and vision are evidence."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        rows: Tensor,
        speakers: Tensor,
        valid: Tensor,
        speaking: Tensor,
        dialogue: Tensor,
        evidence: Tensor,
    ) -> Tensor:
        """The same with the evidence [B, W, C] in the live labels."""
        turns = PaddedTurns(Said.of(rows, self.network.configuration).vector, speakers, valid, rows.shape[1])
        return self.network.revise(turns, rows, speaking, dialogue, evidence)
