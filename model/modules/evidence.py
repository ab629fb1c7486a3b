"""Voice and vision as evidence beside the words: how much each speaks for every label, given what is usual
for its speaker."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotrack.modalities import SIGNALS
from emotrack.model.configuration import NetworkConfiguration

LONGEST = 64
"""Utterances over which the usual is a plain mean; from then on older ones fade."""


@dataclass(frozen=True)
class Usual:
    """What speakers have shown so far: the mean of `count` [..., k] utterances, `mean` [..., k, n]; of voice
    and vision probabilities, of modes that JE remembers their descriptors."""

    mean: Tensor
    count: Tensor

    def after(self, shown: Tensor, present: Tensor) -> "Usual":
        """With one more utterance that shows `shown` [..., k, n] where `present` [..., k] bool."""
        count = self.count + present.to(self.count.dtype)
        step = 1 / count.clamp(min=1, max=LONGEST)
        mean = torch.where(present[..., None], self.mean + step[..., None] * (shown - self.mean), self.mean)
        return Usual(mean, count)


def met(shown: Tensor, present: Tensor, speakers: Tensor, valid: Tensor) -> Usual:
    """What was usual for the speaker of each utterance of whole dialogues before it, [B, T, k, n] and [B, T,
    k].

    `shown` [B, T, k, n] and `present` [B, T, k] bool as for `Usual.after`; `speakers` [B, T] long, `valid`
    [B, T] bool.
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


LIMIT = 3.0
"""Evidence of one signal lies between minus and plus this, in nats: no face makes certain words unsaid."""
HIDDEN = 64


class SignalEvidence(nn.Module):
    """What voice and vision say for each label, in nats against the mean of all labels."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        classes = len(configuration.classes)
        inputs = 4 * classes + 2
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(inputs, HIDDEN),
                nn.GELU(),
                nn.Linear(HIDDEN, HIDDEN),
                nn.GELU(),
                nn.Linear(HIDDEN, classes),
            )
            for _ in SIGNALS
        )

    def forward(self, signals: Tensor, present: Tensor, usual: Usual) -> Tensor:
        """Evidence [..., 2, C] of `signals` [..., 2, C] (log-probabilities), exactly 0 where not `present`
        [..., 2] bool."""
        shown = torch.where(present[..., None], signals, 0.0)
        known = (usual.count > 0).to(shown.dtype)[..., None]
        unusual = (shown.exp() - usual.mean) * known
        amount = (1 + usual.count).log()[..., None]
        inputs = torch.cat([shown.exp(), shown / 4, usual.mean, unusual, known, amount], -1)
        found = torch.stack([layers(inputs[..., place, :]) for place, layers in enumerate(self.layers)], -2)
        bounded = LIMIT * torch.tanh((found - found.mean(-1, keepdim=True)) / LIMIT)
        return torch.where(present[..., None], bounded, 0.0)
