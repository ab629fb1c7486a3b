"""What the live head says of an utterance, were its tokens or the dialogue before it others."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
import torch

from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.influence import influences, stream_weights
from emotrack.model.memory import SpeakerMemory
from emotrack.model.plain_context import remembered

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
    def weights(self, tokens: Tokens, memory: SpeakerMemory) -> dict[Stream, float]:
        """What each stream did for the live label, as shares that sum to 1.

        By how much its odds would change without the stream; its share in the fused vector (QAF) where labels are read from that.
        """
        fusion = self._network.fuse(collate([tokens], self._widths))
        if not self._network.configuration.weighs_evidence:
            return dict(zip(STREAMS, fusion.weights[0].tolist(), strict=True))
        label, _ = self._network.step(fusion.said, remembered(memory, 1, fusion.said.device))
        influence = influences(label.logits[0].numpy(), label.contributions[0].numpy())
        return stream_weights(influence.tolist(), {stream: len(found) for stream, found in tokens.items()})

    def _step(self, cases: Sequence[Tokens], memory: SpeakerMemory) -> np.ndarray:
        fusion = self._network.fuse(collate(cases, self._widths))
        label, _ = self._network.step(fusion.said, remembered(memory, len(cases), fusion.said.device))
        return self._network.probabilities(label.logits, fusion.modes).numpy()


def forgotten(memory: SpeakerMemory) -> SpeakerMemory:
    """The dialogue before its first utterance."""
    return replace(memory, **{field.name: np.zeros_like(getattr(memory, field.name)) for field in fields(memory)})


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """log₂(p / (1 − p)): one more means that the odds have doubled."""
    share = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.log2(share / (1 - share))
