"""The training objective, one function a term (AM²-EmoJE, arXiv 2402.10921, §3.5)."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, normalize

UNLABELLED = -1
"""Number of an utterance that is read as context but has no label to learn."""


def class_weights(labels: np.ndarray, classes: int, power: float) -> Tensor:
    """Frequencies to the power of −`power`, float [classes], 1 on average over the rows of `labels`; 0 for an
    unseen class."""
    counts = np.bincount(labels[labels != UNLABELLED], minlength=classes).astype(np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -power, 0)
    return torch.tensor(weights * counts.sum() / (weights * counts).sum(), dtype=torch.float32)


def class_shares(labels: np.ndarray, classes: int) -> Tensor:
    """Share of each class among `labels`, float [classes]; none is 0, as if each had been seen once more."""
    counts = np.bincount(labels[labels != UNLABELLED], minlength=classes) + 1.0
    return torch.tensor(counts / counts.sum(), dtype=torch.float32)


def soft_cross_entropy(logits: Tensor, shares: Tensor) -> Tensor:
    """Mean cross-entropy of logits [B, c] against a distribution for each row, shares [B, c]."""
    return -(shares * log_softmax(logits, dim=-1)).sum(dim=-1).mean()


def focal(logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """(1 − p_c)^γ · −log p_c of each row, [B, c] and [B] to [B] (§3.5.1; AMuSE's print lacks the log)."""
    log_p = log_softmax(logits, dim=-1).gather(1, labels[:, None])[:, 0]
    return (1 - log_p.exp()) ** gamma * -log_p


def focal_over_modes(mode_logits: dict[str, Tensor], modes: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """L_fl: the focal terms of the modes present, averaged over them in each row, then over the rows with
    any.

    `mode_logits`: [B, c] for each mode in order; `modes` [B, m] bool; `labels` [B, m] long, what each mode is
    to name.
    """
    terms = torch.stack(
        [focal(given, labels[:, mode], gamma) for mode, given in enumerate(mode_logits.values())], dim=1
    )
    rows = torch.where(modes, terms, 0.0).sum(dim=1) / modes.sum(dim=1).clamp(min=1)
    return rows.sum() / modes.any(dim=1).sum().clamp(min=1)


def info_nce(first: Tensor, second: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Symmetric in-batch InfoNCE on cosines of paired rows [B, d]; other rows of the same label are no
    negatives.

    0 where no row is left to tell apart from. Departure: the papers' guided NCE has a sign slip and keeps
    same-label negatives, which label-matched pairs cannot be told apart from.
    """
    similarity = normalize(first, dim=1) @ normalize(second, dim=1).T / temperature
    same = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    similarity = similarity.masked_fill(same, -math.inf)
    own = torch.arange(len(labels), device=labels.device)
    return (cross_entropy(similarity, own) + cross_entropy(similarity.T, own)) / 2


def jensen_shannon(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean Jensen–Shannon divergence of the rows' softmax, [B, d] twice, in [0, ln 2] (Eq. 5's log KL
    diverges)."""
    log_p, log_q = log_softmax(first / temperature, dim=1), log_softmax(second / temperature, dim=1)
    middle = torch.logaddexp(log_p, log_q) - math.log(2)
    divergences = log_p.exp() * (log_p - middle) + log_q.exp() * (log_q - middle)
    return divergences.sum(dim=1).mean() / 2


def reconstruction(target: Tensor, restored: Tensor, missing: Tensor) -> Tensor:
    """L_rec: ‖f − f̂‖²/d averaged over the missing modes; `target`, `restored` [B, m, d], `missing` [B, m]
    bool."""
    error = (target.detach() - restored).square().mean(dim=2)
    return torch.where(missing, error, 0.0).sum() / missing.sum().clamp(min=1)
