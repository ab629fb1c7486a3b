"""What one utterance leaves to its dialogue, in one row: its fused vector, its words, what voice and vision show, and its modes.

A row is what is kept, replayed and revised; the network takes it apart again. A network that labels by the fused vector alone
has rows without words and signals.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotrack.model.configuration import MODES, SIGNALS, NetworkConfiguration


@dataclass(frozen=True)
class Said:
    """Rows taken apart, whatever axes [...] come first.

    `vector` A(u) [..., d]; `words`, what the label is read from beside the past [..., d]: A(u) itself where there is no evidence;
    `signals` [..., 2, C]: log-probabilities of what voice and vision show by themselves (of no meaning where they are missing);
    `modes` [..., 3] bool.
    """

    vector: Tensor
    words: Tensor
    signals: Tensor
    modes: Tensor

    def row(self, configuration: NetworkConfiguration) -> Tensor:
        """Put together, [..., row_width]."""
        beside = [self.words, self.signals.flatten(-2)] if configuration.weighs_evidence else []
        return torch.cat([self.vector, *beside, self.modes.to(self.vector.dtype)], -1)

    @classmethod
    def of(cls, row: Tensor, configuration: NetworkConfiguration) -> "Said":
        """Take rows [..., row_width] apart."""
        width, classes = configuration.width, len(configuration.classes)
        vector, modes = row[..., :width], row[..., -len(MODES) :] > 0.5
        if not configuration.weighs_evidence:
            return cls(vector, vector, row[..., :0].unflatten(-1, (len(SIGNALS), 0)), modes)
        signals = row[..., 2 * width : -len(MODES)].unflatten(-1, (len(SIGNALS), classes))
        return cls(vector, row[..., width : 2 * width], signals, modes)
