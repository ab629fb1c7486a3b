"""L = L_ctx(live) + L_ctx(reviser) + λ_f L_fl + λ_n L_nce + λ_j L_joint of a batch (AM²-EmoJE §3.5)."""

from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from emotrack.modalities import MODES
from emotrack.model.network import DialogueLogits, EmotionNetwork, Fusion, pad_dialogues
from emotrack.training.loop.losses import (
    UNLABELLED,
    focal_over_modes,
    info_nce,
    jensen_shannon,
    reconstruction,
)
from emotrack.training.tasks.network.dialogues import DialogueBatch
from emotrack.training.tasks.network.settings import Objective


def mode_masks(available: Tensor, masked: float, generator: torch.Generator) -> Tensor:
    """Which modes each row may use, bool [n, 3]: with probability `masked` a uniform non-empty subset of
    those that are `available` [n, 3], else all."""
    rows = len(available)
    count = available.sum(1)
    chance = torch.rand(rows, generator=generator, dtype=torch.float64).to(available.device)
    subset = 1 + (chance * (2**count - 1)).long()
    places = (available.cumsum(1) - 1).clamp(min=0)
    chosen = (subset[:, None] >> places & 1).bool()
    whole = torch.rand(rows, 1, generator=generator).to(available.device) >= masked
    return available & (whole | chosen)


def in_context(
    network: EmotionNetwork, fusion: Fusion, batch: DialogueBatch, look_ahead: int | None, recall: bool = True
) -> tuple[DialogueLogits, Tensor]:
    """Logits of the batch's dialogues [B, T, c] and which places hold an utterance, bool [B, T]; `recall`:
    with JE's memory."""
    rows, valid = pad_dialogues(fusion.said, batch.lengths)
    speakers, _ = pad_dialogues(batch.speakers, batch.lengths)
    return network.forward_dialogues(rows, speakers, valid, look_ahead, recall), valid


def losses(
    network: EmotionNetwork,
    batch: DialogueBatch,
    masks: Tensor,
    look_ahead: int | None,
    weights: Tensor,
    priors: Tensor,
    objective: Objective,
) -> dict[str, Tensor]:
    """The weighted terms of one batch, those that are switched off left out.

    `masks` [n, 3] bool: the modes that each utterance may use; `look_ahead`: later utterances that the
    reviser has seen; `weights` [c]: class weights; `priors` [k, c]: the classes' shares in each corpus.
    Labels are told with the shares of the first: of an utterance from another corpus, its logits plus what
    that corpus names more often are learnt (Menon et al., Long-tail learning via logit adjustment, 2021).

    Where voice and vision are evidence, words and evidence are taught apart: what is fused by adding up must
    not have learnt to lean on the other. Then each mode's own head names what that mode shows, which need not
    be the label.
    """
    encoded = network.encode(batch.utterances)
    fusion = network.fuse_encoded(encoded.keep(masks))
    logits, valid = in_context(network, fusion, batch, look_ahead)
    terms: dict[str, Tensor] = {}
    prior = priors.log()[batch.corpora]
    shift = prior - priors[0].log()
    apart = network.configuration.weighs_evidence
    read = fusion.modes[:, 0] | fusion.context_only if apart else torch.ones_like(fusion.context_only)
    revised = logits.revised - logits.evidence if apart else logits.revised
    for name, weight, given in (
        ("live", objective.live, logits.words),
        ("revised", objective.revised, revised),
    ):
        if weight:
            terms[name] = weight * _cross_entropy(
                (given[valid] + shift)[read], batch.labels[read], weights, objective.smoothing
            )
    labelled = batch.labels != UNLABELLED
    if apart and objective.evidence:
        seen = fusion.modes[:, 1:].any(1)
        terms["evidence"] = objective.evidence * _cross_entropy(
            (logits.evidence[valid] + prior)[seen], batch.labels[seen]
        )
    if objective.focal:
        heads = {mode: (given + shift)[labelled] for mode, given in fusion.mode_logits.items()}
        named = (
            torch.cat([batch.labels[:, None], batch.shown], 1)
            if apart
            else batch.labels[:, None].expand(-1, len(MODES))
        )
        modes = focal_over_modes(heads, fusion.modes[labelled], named[labelled], objective.gamma)
        terms["focal"] = objective.focal * modes
    if objective.nce:
        terms["nce"] = objective.nce * guided_nce(fusion, batch.labels, objective.nce_temperature)
    if objective.joint:
        with torch.no_grad():
            full = network.attend(encoded)
        terms["joint"] = objective.joint * joint_losses(
            network, fusion, full, encoded.modes, batch.labels, objective
        )
    return terms


def _cross_entropy(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    if bool((labels == UNLABELLED).all()):
        return logits.sum() * 0
    return cross_entropy(logits, labels, weights, ignore_index=UNLABELLED, label_smoothing=smoothing)


def guided_nce(fusion: Fusion, labels: Tensor, temperature: float) -> Tensor:
    """L_nce: InfoNCE summed over the pairs of modes, and over face and body as a pair of their own (§3.5.1).

    A pair counts where at least two labelled utterances have both.
    """
    face, body = fusion.regions.unbind(1)
    pairs = [(face, body, fusion.present[:, 2] & fusion.present[:, 3])]
    for one, other in combinations(range(len(MODES)), 2):
        pairs.append(
            (
                fusion.descriptors[:, one],
                fusion.descriptors[:, other],
                fusion.modes[:, one] & fusion.modes[:, other],
            )
        )
    total = fusion.descriptors.new_zeros(())
    for first, second, both in pairs:
        rows = both & (labels != UNLABELLED)
        if rows.sum() > 1:
            total = total + info_nce(first[rows], second[rows], labels[rows], temperature)
    return total


def joint_losses(
    network: EmotionNetwork,
    fusion: Fusion,
    full: Tensor,
    available: Tensor,
    labels: Tensor,
    objective: Objective,
) -> Tensor:
    """L_joint = Σ_{k<l} w_k w_l (L_con + λ_J L_JS) + λ_r L_rec (Eq. 5); its gradient stops at the
    descriptors.

    `full` [n, 3, d]: descriptors of the ACN run over all modes that the rows have, `available` [n, 3] bool:
    the targets of reconstruction from the modes that `fusion` was allowed to use. The ACN could be run again
    without each mode in turn; here the random mask of the batch hides modes, so without masks nothing is
    reconstructed.
    """
    embedded = network.joint.embed(fusion.descriptors)
    total = fusion.descriptors.new_zeros(())
    for one, other in combinations(range(len(MODES)), 2):
        rows = fusion.modes[:, one] & fusion.modes[:, other] & (labels != UNLABELLED)
        if rows.sum() > 1:
            first, second = embedded[rows, one], embedded[rows, other]
            contrast = info_nce(first, second, labels[rows], objective.nce_temperature)
            total = (
                total
                + objective.joint_contrast * contrast
                + objective.joint_divergence * jensen_shannon(first, second, 1.0)
            )
    restored = network.joint.reconstruct(fusion.descriptors, fusion.modes)
    return total + objective.joint_reconstruction * reconstruction(full, restored, available & ~fusion.modes)
