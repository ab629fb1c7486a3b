"""What the live head says of an utterance, were its tokens or the dialogue before it others."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.memory import Floats, SpeakerMemory

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
    def probabilities(self, cases: Sequence[Tokens], memory: SpeakerMemory) -> np.ndarray:
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

    def _step(self, cases: Sequence[Tokens], memory: SpeakerMemory) -> np.ndarray:
        vectors = self._network.fuse(collate(cases, self._widths)).vector

        def rows(state: Floats) -> torch.Tensor:
            return torch.from_numpy(np.array(state)).expand(len(cases), -1)

        speaker, dialogue = (
            (rows(memory.speaker_hidden), rows(memory.speaker_cell)),
            (rows(memory.dialogue_hidden), rows(memory.dialogue_cell)),
        )
        logits, _, _ = self._network.step(vectors, speaker, dialogue)
        return self._network.probabilities(logits).numpy()


def forgotten(memory: SpeakerMemory) -> SpeakerMemory:
    """The dialogue before its first utterance."""
    return SpeakerMemory.blank(len(memory.dialogue_hidden))


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """log₂(p / (1 − p)): one more means that the odds have doubled."""
    share = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.log2(share / (1 - share))
