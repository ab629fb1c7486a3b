"""What the live head says of an utterance, were its tokens or the dialogue before it others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.context import Memory

BATCH = 64
Tokens = Mapping[Stream, np.ndarray]


class Judge:
    """The network from tokens to calibrated probabilities: the same arithmetic as a live label's."""

    def __init__(self, bundle: Bundle) -> None:
        self.labels = bundle.configuration.classes
        self.identifier = bundle.identifier
        self._network = bundle.network.eval()
        self._widths = bundle.configuration.widths

    @torch.inference_mode()
    def probabilities(self, cases: Sequence[Tokens], memory: Memory) -> np.ndarray:
        """The live label's probabilities, float64 [n, C], of `cases` said by the speaker of `memory`.

        Streams that a case lacks are masked, which leaves their modes out of attention and fusion; JE covers for them as it
        does live.
        """
        found = [self._step(cases[first : first + BATCH], memory) for first in range(0, len(cases), BATCH)]
        return np.concatenate(found) if found else np.zeros((0, len(self.labels)))

    @torch.inference_mode()
    def weights(self, tokens: Tokens) -> dict[Stream, float]:
        """The exact share of each stream in the fused vector (QAF), summing to 1."""
        shares = self._network.fuse(collate([tokens], self._widths)).weights[0].tolist()
        return dict(zip(STREAMS, shares, strict=True))

    def _step(self, cases: Sequence[Tokens], memory: Memory) -> np.ndarray:
        rows = len(cases)
        vectors = self._network.fuse(collate(cases, self._widths)).vector
        state = replace(
            self._network.initial_state(rows, 1),
            dialogue_hidden=memory.dialogue_hidden.expand(rows, -1),
            dialogue_cell=memory.dialogue_cell.expand(rows, -1),
            speaker_hidden=memory.speaker_hidden.expand(rows, -1, -1),
            speaker_cell=memory.speaker_cell.expand(rows, -1, -1),
        )
        logits, _ = self._network.step(vectors, torch.zeros(rows, dtype=torch.long), torch.ones(rows, dtype=torch.bool), state)
        return self._network.probabilities(logits).numpy()


def forgotten(memory: Memory) -> Memory:
    """The dialogue before its first utterance."""
    return Memory(
        *(torch.zeros_like(tensor) for tensor in (memory.dialogue_hidden, memory.dialogue_cell)),
        *(torch.zeros_like(tensor) for tensor in (memory.speaker_hidden, memory.speaker_cell)),
    )


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """log₂(p / (1 − p)): one more means that the odds have doubled."""
    share = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.log2(share / (1 - share))
