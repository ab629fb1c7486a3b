"""What a dialogue remembers when somebody speaks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotrack.model.configuration import NetworkConfiguration

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerMemory:
    """All that the next live label of one speaker depends on: the recurrent states of the dialogue and of the speaker, each [h],
    and what the speaker has shown so far, `usual` [k, n] on average over `usual_count` [k] utterances (see `usual_shape`)."""

    dialogue_hidden: Floats
    dialogue_cell: Floats
    speaker_hidden: Floats
    speaker_cell: Floats
    usual: Floats
    usual_count: Floats

    @classmethod
    def blank(cls, configuration: NetworkConfiguration) -> "SpeakerMemory":
        """Before the first utterance."""
        nothing = np.zeros(configuration.context_hidden, np.float32)
        shown, numbers = configuration.usual_shape
        return cls(nothing, nothing, nothing, nothing, np.zeros((shown, numbers), np.float32), np.zeros(shown, np.float32))


@dataclass(frozen=True)
class LabelLogits:
    """Logits [C] of an utterance; `evidence` [C], the part of them that voice and vision gave; and `contributions` [3, C], what
    each mode gave; `row` [row_width] as it is remembered (see `emotrack.model.network.Labelled`)."""

    logits: Floats
    evidence: Floats
    contributions: Floats
    row: Floats
