"""What one utterance leaves to its dialogue, in one row: its fused vector, its words, what its modes are like, and which it has.

A row is what is kept, replayed and revised; the network takes it apart again. A network that labels by the fused vector alone
has rows without words, and without the modes themselves unless JE remembers them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotrack.model.configuration import MODES, NetworkConfiguration


@dataclass(frozen=True)
class Said:
    """Rows taken apart, whatever axes [...] come first.

    `vector` A(u) [..., d]; `words`, what the label is read from beside the past [..., d]: A(u) itself where there is no evidence;
    `shown` [..., 2, C]: log-probabilities of what voice and vision show by themselves (of no meaning where they are missing), or
    [..., 3, d]: f̃ of the modes where JE remembers them, else [..., 0, C]; `modes` [..., 3] bool.
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
