"""The network's context run by torch as it is written: for training, tests and studies, where no engine is wanted."""

import numpy as np
import torch
from torch import Tensor

from emotrack.model.context import Turns
from emotrack.model.memory import Floats, SpeakerMemory
from emotrack.model.network import EmotionNetwork
from emotrack.model.state import ContextState


class PlainContext:
    """A `ContextNetwork`."""

    def __init__(self, network: EmotionNetwork) -> None:
        """`network` must be in evaluation mode; it is shared, never changed."""
        if network.training:
            raise ValueError("a dialogue needs the network in evaluation mode")
        self.configuration = network.configuration
        self._network = network

    @torch.inference_mode()
    def step(self, vector: Floats, memory: SpeakerMemory) -> tuple[Floats, SpeakerMemory]:
        """See `ContextNetwork.step`."""
        logits, speaker, dialogue = self._network.step(
            self._row(vector),
            (self._row(memory.speaker_hidden), self._row(memory.speaker_cell)),
            (self._row(memory.dialogue_hidden), self._row(memory.dialogue_cell)),
        )
        after = SpeakerMemory(*(state[0].cpu().numpy() for state in (*dialogue, *speaker)))
        return logits[0].cpu().numpy(), after

    @torch.inference_mode()
    def revise(self, state: ContextState) -> Floats:
        """See `ContextNetwork.revise`."""
        seats = len(state.speaker_hidden)
        turns = Turns(self._row(state.ring_vectors), self._row(state.ring_speakers), self._row(state.ring_valid), seats)
        logits: Floats = (
            self._network.revise(turns, self._row(state.ring_speaking), self._row(state.ring_dialogue))[0].cpu().numpy()
        )
        return logits

    def _row(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array))[None].to(self._network.null_vector.device)
