"""Trains the network itself: modes to one vector, and that vector in dialogue context, live and revised."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from emotrack.model.configuration import MODES, NetworkConfiguration
from emotrack.model.joint_fitting import fit_joint_embedding
from emotrack.model.network import DialogueLogits, EmotionNetwork, Fusion, pad_dialogues
from emotrack.training.dialogues import DialogueBatch, ReadDialogue, batch_dialogues
from emotrack.training.losses import focal_over_modes, info_nce, jensen_shannon, reconstruction
from emotrack.training.matching import MatchedPool


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """How the network is trained. The λ weigh the terms of the objective beside the two context heads' cross-entropy."""

    epochs: int = 10
    dialogues: int = 16
    """Dialogues in a batch, about 150 utterances."""
    longest_text: int = 32
    """Tokens after which a text is cut in training; 2 % of MELD's are longer, and the longest sets the cost of its batch."""
    rate: float = 1e-3
    decay: float = 0.01
    class_balance: float = 0.3
    """Class weights are frequencies to the power of minus this."""
    gamma: float = 1.0
    focal: float = 0.5
    nce: float = 0.05
    nce_temperature: float = 0.2
    joint: float = 0.1
    joint_js: float = 1.0
    joint_reconstruction: float = 1.0
    fitting_batches: int = 4
    """Batches that JE's lines are fitted on after each epoch; the final fit takes four times as many."""
    seed: int = 1


def mode_masks(rows: int, generator: torch.Generator) -> Tensor:
    """Which modes each row may use, bool [rows, 3]: all with probability 0.5, else a uniform non-empty subset."""
    subsets = torch.randint(1, 2 ** len(MODES), (rows, 1), generator=generator) >> torch.arange(len(MODES)) & 1
    return (torch.rand(rows, 1, generator=generator) < 0.5) | subsets.bool()


def class_weights(labels: np.ndarray, classes: int, power: float) -> Tensor:
    """Frequencies to the power of −`power`, float [classes], 1 on average over the rows of `labels`; 0 for an unseen class."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -power, 0)
    return torch.tensor(weights * counts.sum() / (weights * counts).sum(), dtype=torch.float32)


def in_context(
    network: EmotionNetwork, fusion: Fusion, batch: DialogueBatch, look_ahead: int | None
) -> tuple[DialogueLogits, Tensor]:
    """Logits of the batch's dialogues [B, T, c] and which places hold an utterance, bool [B, T]."""
    vectors, valid = pad_dialogues(fusion.vector, batch.lengths)
    speakers, _ = pad_dialogues(batch.speakers, batch.lengths)
    return network.forward_dialogues(vectors, speakers, valid, look_ahead), valid


def objective(
    network: EmotionNetwork, batch: DialogueBatch, masks: Tensor, look_ahead: int, weights: Tensor, settings: FusionSettings
) -> Tensor:
    """L = L_ctx(live) + L_ctx(reviser) + λ_f L_fl + λ_n L_nce + λ_j L_joint of one batch."""
    encoded = network.encode(batch.utterances)
    fusion = network.fuse_encoded(encoded.keep(masks))
    logits, valid = in_context(network, fusion, batch, look_ahead)
    live = cross_entropy(logits.live[valid], batch.labels, weights)
    revised = cross_entropy(logits.revised[valid], batch.labels, weights)
    modes = focal_over_modes(fusion.mode_logits, fusion.modes, batch.labels, settings.gamma)
    embedded = network.joint.embed(fusion.descriptors)
    nce = joint = torch.zeros(())
    for one, other in combinations(range(len(MODES)), 2):
        both = fusion.modes[:, one] & fusion.modes[:, other]
        if both.sum() < 2:
            continue
        labels, first, second = batch.labels[both], fusion.descriptors[both, one], fusion.descriptors[both, other]
        nce = nce + info_nce(first, second, labels, settings.nce_temperature)
        first, second = embedded[both, one], embedded[both, other]
        contrast = info_nce(first, second, labels, settings.nce_temperature)
        joint = joint + contrast + settings.joint_js * jensen_shannon(first, second, 1.0)
    with torch.no_grad():
        full = network.attend(encoded)
    missing = encoded.modes & ~fusion.modes
    restored = network.joint.reconstruct(fusion.descriptors, fusion.modes)
    joint = joint + settings.joint_reconstruction * reconstruction(full, restored, missing)
    return live + revised + settings.focal * modes + settings.nce * nce + settings.joint * joint


@dataclass(frozen=True, slots=True)
class FusionData:
    """Dialogues to learn from, and the voices and faces to draw for them."""

    dialogues: Sequence[ReadDialogue]
    pool: MatchedPool


def batches(
    data: FusionData, network: EmotionNetwork, settings: FusionSettings, random: np.random.Generator
) -> Iterator[DialogueBatch]:
    """All dialogues once, in random order and as `settings` say."""
    order = random.permutation(len(data.dialogues))
    for chosen in np.array_split(order, math.ceil(len(order) / settings.dialogues)):
        together = [data.dialogues[index].cut(settings.longest_text) for index in chosen]
        yield batch_dialogues(together, data.pool, network.configuration.widths, random)


def fit_joint(network: EmotionNetwork, data: FusionData, settings: FusionSettings, count: int, seed: int) -> None:
    """Fit JE's lines on `count` batches of the training dialogues."""
    drawn = batches(data, network, settings, np.random.default_rng(seed))
    fit_joint_embedding(network, (batch.utterances for _, batch in zip(range(count), drawn, strict=False)))


def train_fusion(
    data: FusionData,
    configuration: NetworkConfiguration,
    settings: FusionSettings,
    after_epoch: Callable[[int, EmotionNetwork], float],
) -> EmotionNetwork:
    """Train and return the network as it was after the epoch for which `after_epoch` gave the highest number."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    network = EmotionNetwork(configuration)
    labels = np.concatenate([dialogue.labels for dialogue in data.dialogues])
    weights = class_weights(labels, len(configuration.classes), settings.class_balance)
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    steps = settings.epochs * math.ceil(len(data.dialogues) / settings.dialogues)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps, pct_start=0.15)
    best, kept = -math.inf, network.state_dict()
    for epoch in range(settings.epochs):
        network.train()
        for batch in batches(data, network, settings, random):
            masks = mode_masks(len(batch.labels), generator)
            look_ahead = int(random.integers(1, configuration.revisions + 1))
            optimizer.zero_grad()
            objective(network, batch, masks, look_ahead, weights, settings).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        last = epoch == settings.epochs - 1
        fit_joint(network, data, settings, settings.fitting_batches * (4 if last else 1), settings.seed + epoch)
        network.eval()
        score = after_epoch(epoch, network)
        if score > best:
            best, kept = score, {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(kept)
    return network.eval()
