"""What is usual for each speaker: the running mean of what they have shown so far, which is all that is remembered of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

LONGEST = 64
"""Utterances over which the usual is a plain mean; from then on older ones fade."""


@dataclass(frozen=True)
class Usual:
    """What speakers have shown so far: the mean of `count` [..., k] utterances, `mean` [..., k, n]; of voice and vision
    probabilities, of modes that JE remembers their descriptors."""

    mean: Tensor
    count: Tensor

    def after(self, shown: Tensor, present: Tensor) -> "Usual":
        """With one more utterance that shows `shown` [..., k, n] where `present` [..., k] bool."""
        count = self.count + present.to(self.count.dtype)
        step = 1 / count.clamp(min=1, max=LONGEST)
        mean = torch.where(present[..., None], self.mean + step[..., None] * (shown - self.mean), self.mean)
        return Usual(mean, count)


def met(shown: Tensor, present: Tensor, speakers: Tensor, valid: Tensor) -> Usual:
    """What was usual for the speaker of each utterance of whole dialogues before it, [B, T, k, n] and [B, T, k].

    `shown` [B, T, k, n] and `present` [B, T, k] bool as for `Usual.after`; `speakers` [B, T] long, `valid` [B, T] bool.
    """
    batch, length, kinds, numbers = shown.shape
    if not kinds:
        return Usual(shown, shown[..., 0])
    seats = int(speakers.max()) + 1
    seated = torch.arange(seats, device=speakers.device) == speakers[..., None]
    usual = Usual(shown.new_zeros(batch, seats, kinds, numbers), shown.new_zeros(batch, seats, kinds))
    rows = torch.arange(batch, device=speakers.device)
    found: list[Usual] = []
    for place in range(length):
        found.append(Usual(usual.mean[rows, speakers[:, place]], usual.count[rows, speakers[:, place]]))
        now = present[:, place, None] & (seated[:, place] & valid[:, place, None])[..., None]
        usual = usual.after(shown[:, place, None].expand(-1, seats, -1, -1), now)
    return Usual(torch.stack([one.mean for one in found], 1), torch.stack([one.count for one in found], 1))
