"""Fits the lines by which JE reconstructs a missing mode, on training data.

z^k has attended to every mode of its ACN run, so a line fitted on full runs would leak the missing mode into its own
reconstruction. Hence one ACN run per subset S: the predictors come from that run, the target f^m from the run over all
modes the row has.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from emotrack.model.batch import UtteranceBatch
from emotrack.model.configuration import MODES
from emotrack.model.joint_embedding import PAIRS
from emotrack.model.network import EmotionNetwork


@dataclass
class _Moments:
    """Running sums over the rows of one pair (m, S), in double precision."""

    rows: int
    target: Tensor
    predictor: Tensor
    product: Tensor
    square: Tensor
    descriptor: Tensor

    def add(self, target: Tensor, predictor: Tensor, descriptor: Tensor) -> None:
        self.rows += len(target)
        self.target += target.sum(0)
        self.predictor += predictor.sum(0)
        self.product += (target * predictor).sum(0)
        self.square += (predictor * predictor).sum(0)
        self.descriptor += descriptor.sum(0)

    def line(self) -> tuple[Tensor, Tensor, Tensor]:
        """Γ = clip(Cov(z^m, z̄)/Var(z̄), 0, 1), and the means of z̄ and f^m; each [d]."""
        target, predictor = self.target / self.rows, self.predictor / self.rows
        covariance = self.product / self.rows - target * predictor
        variance = self.square / self.rows - predictor * predictor
        gain = torch.where(variance > 1e-12, covariance / variance.clamp(min=1e-12), 0.0).clamp(0, 1)
        return gain, predictor, self.descriptor / self.rows


@torch.no_grad()
def fit_joint_embedding(network: EmotionNetwork, batches: Iterable[UtteranceBatch]) -> None:
    """Sets μ_{m,S} and Γ_{m,S} of every pair for which some row has both m and S; the others are marked as not fitted.

    μ_{m,S} is the intercept of the line, so that mean(f̂^m) = mean(f^m), and independent modes give plain mean
    imputation. Run it with the network frozen: after each epoch and once at the end.
    """
    joint, was_training = network.joint, network.training
    network.eval()
    width = network.configuration.width
    zero = torch.zeros(width, dtype=torch.float64, device=joint.mean.device)
    moments = {pair: _Moments(0, *(zero.clone() for _ in range(5))) for pair in PAIRS}
    for batch in batches:
        encoded = network.encode(batch)
        available = encoded.modes
        full = network.attend(encoded)
        targets = joint.embed(full)
        for subset in sorted({subset for _, subset in PAIRS}):
            members = torch.tensor([bool(subset >> mode & 1) for mode in range(len(MODES))], device=available.device)
            pooled = joint.pool(joint.embed(network.attend(encoded.keep(members))), available & members)
            has_subset = (available | ~members).all(1)
            for mode in range(len(MODES)):
                if (mode, subset) in moments:
                    rows = has_subset & available[:, mode]
                    moments[mode, subset].add(targets[rows, mode].double(), pooled[rows].double(), full[rows, mode].double())
    for index, (mode, subset) in enumerate(PAIRS):
        pair = moments[mode, subset]
        joint.fitted[index] = pair.rows > 0
        if pair.rows:
            gain, predictor, descriptor = pair.line()
            joint.gain[index] = gain
            joint.offset[index] = descriptor - joint.rotation[mode].double().T @ (gain * predictor)
    network.train(was_training)
