"""Dialogue context (AM²-EmoJE §3.4): what an utterance leaves to its dialogue, the LSTMs that read it
forwards, and the reviser, which labels earlier utterances again in the light of later ones."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from emotrack.modalities import MODES
from emotrack.model.configuration import NetworkConfiguration


@dataclass(frozen=True)
class Said:
    """Rows taken apart, whatever axes [...] come first.

    `vector` A(u) [..., d]; `words`, what the label is read from beside the past [..., d]: A(u) itself where
    there is no evidence; `shown` [..., 2, C]: log-probabilities of what voice and vision show by themselves
    (of no meaning where they are missing), or [..., 3, d]: f̃ of the modes where JE remembers them, else
    [..., 0, C]; `modes` [..., 3] bool.
    """

    vector: Tensor
    words: Tensor
    shown: Tensor
    modes: Tensor

    def row(self, configuration: NetworkConfiguration) -> Tensor:
        """Put together, [..., row_width]."""
        words = [self.words] if configuration.weighs_evidence else []
        return torch.cat([self.vector, *words, self.shown.flatten(-2), self.modes.to(self.vector.dtype)], -1)

    @classmethod
    def of(cls, row: Tensor, configuration: NetworkConfiguration) -> "Said":
        """Take rows [..., row_width] apart."""
        width, shape = configuration.width, configuration.usual_shape
        vector, modes = row[..., :width], row[..., -len(MODES) :] > 0.5
        words = row[..., width : 2 * width] if configuration.weighs_evidence else vector
        shown = row[..., -len(MODES) - shape[0] * shape[1] : -len(MODES)]
        return cls(vector, words, shown.reshape(*shown.shape[:-1], *shape), modes)


@dataclass(frozen=True)
class PaddedTurns:
    """The utterances of B dialogues, or of windows of them, in order.

    `vectors` A(u) [B, T, d], `speakers` [B, T] long in 0..`seats`−1, `valid` [B, T] bool.
    """

    vectors: Tensor
    speakers: Tensor
    valid: Tensor
    seats: int

    def windows(self, look_ahead: int) -> "PaddedTurns":
        """Each utterance with the `look_ahead` that follow it, as a dialogue of its own: [B·T, 1 +
        look_ahead, …]."""
        reach = look_ahead + 1

        def cut(values: Tensor) -> Tensor:
            return pad(values, (0, look_ahead)).unfold(-1, reach, 1).reshape(-1, reach)

        vectors = pad(self.vectors, (0, 0, 0, look_ahead)).unfold(1, reach, 1).transpose(2, 3)
        return PaddedTurns(vectors.flatten(0, 1), cut(self.speakers), cut(self.valid), self.seats)


@dataclass(frozen=True)
class Memory:
    """Recurrent states of B dialogues with K speakers each: `dialogue_*` [B, h], `speaker_*` [B, K, h]."""

    dialogue_hidden: Tensor
    dialogue_cell: Tensor
    speaker_hidden: Tensor
    speaker_cell: Tensor


class ContextLSTM(nn.Module):
    """The dialogue's and the speakers' LSTM cells of one direction; all speakers share one cell's weights."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.hidden = configuration.context_hidden
        self.dialogue = nn.LSTMCell(configuration.width, self.hidden)
        self.speaker = nn.LSTMCell(configuration.width, self.hidden)

    def initial(self, turns: PaddedTurns) -> Memory:
        """The memory before the first of `turns`."""
        dialogue = turns.vectors.new_zeros(turns.vectors.shape[0], self.hidden)
        speaker = turns.vectors.new_zeros(turns.vectors.shape[0], turns.seats, self.hidden)
        return Memory(dialogue, dialogue, speaker, speaker)

    def step(self, vector: Tensor, speaker: Tensor, active: Tensor, memory: Memory) -> Memory:
        """Takes one utterance per dialogue: A(u) `vector` [B, d] said by `speaker` [B] long, where `active`
        [B] bool.

        Returns the new memory; a dialogue that is not active keeps its memory bit for bit.
        """
        vector = torch.where(active[:, None], vector, 0.0)
        rows = torch.arange(vector.shape[0], device=vector.device)
        hidden, cell = self.dialogue(vector, (memory.dialogue_hidden, memory.dialogue_cell))
        speaking = (memory.speaker_hidden[rows, speaker], memory.speaker_cell[rows, speaker])
        speaker_hidden, speaker_cell = self.speaker(vector, speaking)
        seat = torch.arange(memory.speaker_hidden.shape[1], device=vector.device) == speaker[:, None]
        seat = (seat & active[:, None])[..., None]
        return Memory(
            dialogue_hidden=torch.where(active[:, None], hidden, memory.dialogue_hidden),
            dialogue_cell=torch.where(active[:, None], cell, memory.dialogue_cell),
            speaker_hidden=torch.where(seat, speaker_hidden[:, None], memory.speaker_hidden),
            speaker_cell=torch.where(seat, speaker_cell[:, None], memory.speaker_cell),
        )

    def run(self, turns: PaddedTurns, backward: bool = False) -> tuple[Tensor, Tensor]:
        """All steps over whole dialogues, from the last one on if `backward`.

        Returns the states that each utterance meets, the speaking speaker's and the dialogue's, both [B, T,
        h]: the utterance itself is in neither.
        """
        memory = self.initial(turns)
        speaking: list[Tensor] = []
        dialogue: list[Tensor] = []
        rows = torch.arange(turns.vectors.shape[0], device=turns.vectors.device)
        order = range(turns.vectors.shape[1])
        for index in reversed(order) if backward else order:
            speaking.append(memory.speaker_hidden[rows, turns.speakers[:, index]])
            dialogue.append(memory.dialogue_hidden)
            memory = self.step(
                turns.vectors[:, index], turns.speakers[:, index], turns.valid[:, index], memory
            )
        if backward:
            speaking.reverse()
            dialogue.reverse()
        return torch.stack(speaking, 1), torch.stack(dialogue, 1)


class LabelHead(nn.Module):
    """Logits of one utterance from its own vector and the states that it meets, side by side."""

    def __init__(self, inputs: int, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(configuration.dropout),
            nn.Linear(inputs, configuration.width),
            nn.GELU(),
            nn.Dropout(configuration.dropout),
            nn.Linear(configuration.width, len(configuration.classes)),
        )

    def forward(self, *parts: Tensor) -> Tensor:
        """Parts [..., n_i] to logits [..., C]."""
        found: Tensor = self.layers(torch.cat(parts, -1))
        return found


class Reviser(nn.Module):
    """Backward LSTMs and a head that reads [x; s→; d→; s←; d←], x being the utterance's words or its fused
    vector."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.context = ContextLSTM(configuration)
        self.head = LabelHead(configuration.width + 4 * configuration.context_hidden, configuration)

    def forward(self, turns: PaddedTurns, words: Tensor, states: tuple[Tensor, Tensor]) -> Tensor:
        """Logits [B, T, C] as known once the last valid utterance has arrived; `states` are the live path's
        own.

        `words` [B, T, d]: what each utterance's own label is read from.
        """
        found: Tensor = self.head(words, *states, *self.context.run(turns, backward=True))
        return found

    def truncated(
        self, turns: PaddedTurns, words: Tensor, states: tuple[Tensor, Tensor], look_ahead: int
    ) -> Tensor:
        """Logits [B, T, C] of each utterance as known `look_ahead` utterances later, or at the dialogue's
        end."""
        backward = self.context.run(turns.windows(look_ahead), backward=True)
        first = [state[:, 0].unflatten(0, turns.speakers.shape) for state in backward]
        found: Tensor = self.head(words, *states, *first)
        return found
