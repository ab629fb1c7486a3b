"""The network's context run by torch as it is written: for training, tests and studies, where no engine is
wanted."""

import numpy as np
import torch
from torch import Tensor

from emotrack.model.dialogue.state import ContextState, Floats, LabelLogits, SpeakerMemory
from emotrack.model.modules.context import PaddedTurns, Said
from emotrack.model.modules.evidence import Usual
from emotrack.model.network import EmotionNetwork, Remembered


class PlainContext:
    """A `ContextNetwork`."""

    def __init__(self, network: EmotionNetwork) -> None:
        """`network` must be in evaluation mode; it is shared, never changed."""
        if network.training:
            raise ValueError("a dialogue needs the network in evaluation mode")
        self.configuration = network.configuration
        self._network = network

    @torch.inference_mode()
    def step(self, row: Floats, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        """See `ContextNetwork.step`."""
        label, after = self._network.step(
            self._row(row), remembered(memory, 1, self._network.null_vector.device)
        )
        parts = (label.logits, label.evidence, label.contributions, label.row)
        states = (*after.dialogue, *after.speaker, after.usual.mean, after.usual.count)
        return LabelLogits(*(part[0].cpu().numpy() for part in parts)), SpeakerMemory(
            *(state[0].cpu().numpy() for state in states)
        )

    @torch.inference_mode()
    def revise(self, state: ContextState) -> Floats:
        """See `ContextNetwork.revise`."""
        rows = self._row(state.ring_rows)
        vectors = Said.of(rows, self.configuration).vector
        turns = PaddedTurns(
            vectors, self._row(state.ring_speakers), self._row(state.ring_valid), len(state.speaker_hidden)
        )
        beside = (self._row(part) for part in (state.ring_speaking, state.ring_dialogue, state.ring_evidence))
        logits: Floats = self._network.revise(turns, rows, *beside)[0].cpu().numpy()
        return logits

    def _row(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array))[None].to(self._network.null_vector.device)


def remembered(memory: SpeakerMemory, rows: int, device: torch.device) -> Remembered:
    """The same memory for each of `rows` utterances, as the network takes it."""

    def repeated(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array)).expand(rows, *array.shape).to(device)

    return Remembered(
        speaker=(repeated(memory.speaker_hidden), repeated(memory.speaker_cell)),
        dialogue=(repeated(memory.dialogue_hidden), repeated(memory.dialogue_cell)),
        usual=Usual(repeated(memory.usual), repeated(memory.usual_count)),
    )
