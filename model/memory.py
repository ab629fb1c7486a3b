"""What a dialogue remembers when somebody speaks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerMemory:
    """The recurrent states that the next live label of one speaker depends on: each [h], of the dialogue and of the speaker."""

    dialogue_hidden: Floats
    dialogue_cell: Floats
    speaker_hidden: Floats
    speaker_cell: Floats

    @classmethod
    def blank(cls, hidden: int) -> "SpeakerMemory":
        """Before the first utterance, for states of width `hidden`."""
        nothing = np.zeros(hidden, np.float32)
        return cls(nothing, nothing, nothing, nothing)
