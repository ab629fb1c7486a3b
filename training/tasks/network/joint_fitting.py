"""The joint embedding's own fit: the lines by which it reconstructs a missing mode, and where dev lets it
stand in for one."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from emotrack.modalities import MODALITY_MODES, MODES
from emotrack.model.batch import UtteranceBatch
from emotrack.model.modules.joint_embedding import PAIRS
from emotrack.model.network import EmotionNetwork
from emotrack.training.tasks.network.evaluation import DialogueSet, score


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
    """Sets μ_{m,S} and Γ_{m,S} of every pair for which some row has both m and S; the others are marked as
    not fitted.

    μ_{m,S} is the intercept of the line, so that mean(f̂^m) = mean(f^m), and independent modes give plain
    mean imputation. Run it with the network frozen: after each epoch and once at the end.
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
            members = torch.tensor(
                [bool(subset >> mode & 1) for mode in range(len(MODES))], device=available.device
            )
            pooled = joint.pool(joint.embed(network.attend(encoded.keep(members))), available & members)
            has_subset = (available | ~members).all(1)
            for mode in range(len(MODES)):
                if (mode, subset) in moments:
                    rows = has_subset & available[:, mode]
                    moments[mode, subset].add(
                        targets[rows, mode].double(), pooled[rows].double(), full[rows, mode].double()
                    )
    for index, (mode, subset) in enumerate(PAIRS):
        pair = moments[mode, subset]
        joint.fitted[index] = pair.rows > 0
        if pair.rows:
            gain, predictor, descriptor = pair.line()
            joint.gain[index] = gain
            joint.offset[index] = descriptor - joint.rotation[mode].double().T @ (gain * predictor)
    network.train(was_training)


@torch.no_grad()
def choose_reliance(network: EmotionNetwork, dev: DialogueSet) -> None:
    """Set ρ to 0 for every set of present modes with which the live labels of `dev` are no better by JE than
    by fusion alone.

    This is of JE as the paper has it; how much is made of what a speaker showed before, where JE remembers,
    is learnt alone.
    """
    trained = network.configuration.trained
    for present in sorted({subset for _, subset in PAIRS}):
        modalities = [
            modality for modality in trained if present >> MODES.index(MODALITY_MODES[modality]) & 1
        ]
        if not modalities or score(network, dev, modalities, absent="joint") > score(
            network, dev, modalities, absent="masked"
        ):
            continue
        for place, (_, subset) in enumerate(PAIRS):
            if subset == present:
                network.joint.raw_reliance[place] = 0.0
