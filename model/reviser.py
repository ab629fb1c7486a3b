"""The reviser: labels earlier utterances again in the light of later ones (the Bi-LSTMs of AM²-EmoJE §3.4, made
incremental).

Departure: the papers read a Bi-LSTM over the finished dialogue. Here the forward half is the live path's own states,
and the backward half runs from the newest utterance over the last W; with W >= the dialogue's length that is the
papers' Bi-LSTM.
"""

from torch import Tensor, nn

from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.context import ContextLSTM, LabelHead, Turns


class Reviser(nn.Module):
    """Backward LSTMs and a head that reads [x; s→; d→; s←; d←], x being the utterance's words or its fused vector."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.context = ContextLSTM(configuration)
        self.head = LabelHead(configuration.width + 4 * configuration.context_hidden, configuration)

    def forward(self, turns: Turns, words: Tensor, states: tuple[Tensor, Tensor]) -> Tensor:
        """Logits [B, T, C] as known once the last valid utterance has arrived; `states` are the live path's own.

        `words` [B, T, d]: what each utterance's own label is read from.
        """
        return self.head(words, *states, *self.context.run(turns, backward=True))

    def truncated(self, turns: Turns, words: Tensor, states: tuple[Tensor, Tensor], look_ahead: int) -> Tensor:
        """Logits [B, T, C] of each utterance as known `look_ahead` utterances later, or at the dialogue's end."""
        backward = self.context.run(turns.windows(look_ahead), backward=True)
        first = [state[:, 0].unflatten(0, turns.speakers.shape) for state in backward]
        return self.head(words, *states, *first)
