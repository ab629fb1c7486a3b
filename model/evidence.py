"""Voice and vision as evidence beside the words: how much each speaks for every label, given what is usual for this speaker.

Words, voice and vision are independent given the label, as far as anybody can tell from data that has not all of them, so that
their log-odds add up (MODEL.md, "Found since"). What a signal adds is a bounded function of what it shows and of what the same
person has shown so far: a smile of somebody who always smiles says nothing, a single one says a lot. It is learnt without
the words, so that nothing can learn to lean on them.
"""

import torch
from torch import Tensor, nn

from emotrack.model.configuration import SIGNALS, NetworkConfiguration
from emotrack.model.usual import Usual

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
            nn.Sequential(nn.Linear(inputs, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, classes))
            for _ in SIGNALS
        )

    def forward(self, signals: Tensor, present: Tensor, usual: Usual) -> Tensor:
        """Evidence [..., 2, C] of `signals` [..., 2, C] (log-probabilities), exactly 0 where not `present` [..., 2] bool."""
        shown = torch.where(present[..., None], signals, 0.0)
        known = (usual.count > 0).to(shown.dtype)[..., None]
        unusual = (shown.exp() - usual.mean) * known
        amount = (1 + usual.count).log()[..., None]
        inputs = torch.cat([shown.exp(), shown / 4, usual.mean, unusual, known, amount], -1)
        found = torch.stack([layers(inputs[..., place, :]) for place, layers in enumerate(self.layers)], -2)
        bounded = LIMIT * torch.tanh((found - found.mean(-1, keepdim=True)) / LIMIT)
        return torch.where(present[..., None], bounded, 0.0)
