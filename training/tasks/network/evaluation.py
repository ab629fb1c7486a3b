"""What a trained network says of held-out dialogues: by the modes it may use, live, revised and offline; and
its calibration."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from emotrack.modalities import MODALITIES, MODALITY_MODES, MODE_SETS, MODES, Modality
from emotrack.model.batch import ModalityTokens, UtteranceBatch
from emotrack.model.configuration import ModalityWidths, NetworkConfiguration
from emotrack.model.network import EmotionNetwork
from emotrack.training.loop.losses import UNLABELLED
from emotrack.training.loop.metrics import Figures, figures, weighted_f1
from emotrack.training.tasks.network.dialogues import DialogueBatch, ReadDialogue, batch_dialogues
from emotrack.training.tasks.network.matching import MatchedPool
from emotrack.training.tasks.network.objective import in_context

Absence = Literal["joint", "line", "masked", "zero"]
"""What stands for a modality that may not be used: JE's reconstruction of its mode, with its memory or by its
line alone as in the paper; nothing; or a token of zeros as if present."""

TEXT: tuple[Modality, ...] = ("text",)
TOGETHER = 16
"""Dialogues in a batch."""


@dataclass(frozen=True, slots=True)
class DialogueSet:
    """Held-out dialogues, batched once, with whatever was drawn for them."""

    batches: tuple[DialogueBatch, ...]

    @classmethod
    def draw(
        cls, dialogues: Sequence[ReadDialogue], pool: MatchedPool | None, widths: ModalityWidths, seed: int
    ) -> "DialogueSet":
        """Batch `dialogues`; with a `pool`, voices and faces are drawn from it for all of them."""
        random = np.random.default_rng(seed)
        together = [dialogues[start : start + TOGETHER] for start in range(0, len(dialogues), TOGETHER)]
        return cls(tuple(batch_dialogues(part, pool, widths, random) for part in together))

    @property
    def labels(self) -> Tensor:
        """Labels [n] of all utterances, -1 for none."""
        return torch.cat([batch.labels for batch in self.batches])

    @property
    def dialogues(self) -> np.ndarray:
        """The number of the dialogue of each labelled utterance, int [labelled]."""
        lengths = [length for batch in self.batches for length in batch.lengths]
        found: np.ndarray = np.repeat(np.arange(len(lengths)), lengths)[self.labels.numpy() != UNLABELLED]
        return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """Logits [n, c] of all labelled utterances of a set, by the live head and by the reviser, their labels
    [n] and modes [n, 3]."""

    live: Tensor
    revised: Tensor
    labels: Tensor
    modes: Tensor


@torch.no_grad()
def outcome(
    network: EmotionNetwork,
    held: DialogueSet,
    modalities: Collection[Modality],
    look_ahead: int | None = None,
    shuffled: Modality | None = None,
    absent: Absence = "joint",
    halfway: bool = False,
) -> Outcome:
    """Run the network on `held` with only `modalities`; `shuffled` names one whose rows change places within
    each batch.

    `halfway`: the other modalities go missing half through each dialogue, and what comes after that is the
    outcome.
    """
    device = network.null_vector.device
    live, revised, labels, modes = [], [], [], []
    for number, batch in enumerate(held.batches):
        counted = batch.labels != UNLABELLED
        if halfway:
            late = second_halves(batch.lengths)
            kept = ~late[:, None] | torch.tensor([name in modalities for name in MODALITIES])
            utterances, counted = batch.utterances.keep(kept), counted & late
        else:
            utterances = only(batch.utterances, modalities, network.configuration, absent)
        if shuffled is not None:
            utterances = shuffle(utterances, shuffled, number)
        batch = replace(batch, utterances=utterances).to(device)
        fusion = network.fuse(batch.utterances, impute=absent in ("joint", "line"))
        logits, valid = in_context(network, fusion, batch, look_ahead, recall=absent == "joint")
        live.append(logits.live[valid][counted].cpu())
        revised.append(logits.revised[valid][counted].cpu())
        labels.append(batch.labels[counted].cpu())
        modes.append(fusion.modes[counted].cpu())
    return Outcome(*(torch.cat(parts) for parts in (live, revised, labels, modes)))


def second_halves(lengths: Sequence[int]) -> Tensor:
    """Which utterances of dialogues of these `lengths` are in the second half of theirs, bool [n]."""
    return torch.cat([torch.arange(length) >= (length + 1) // 2 for length in lengths])


def only(
    utterances: UtteranceBatch,
    modalities: Collection[Modality],
    configuration: NetworkConfiguration,
    absent: Absence = "masked",
) -> UtteranceBatch:
    """The batch with only `modalities`; with `absent` "zero", each other modality that was trained becomes
    one valid token of zeros."""
    kept = utterances.keep(torch.tensor([name in modalities for name in MODALITIES]))
    if absent != "zero":
        return kept
    rows = len(utterances)
    fillers = {
        name: ModalityTokens(
            torch.zeros(rows, 1, getattr(configuration.widths, name)), torch.ones(rows, 1, dtype=torch.bool)
        )
        for name in configuration.trained
        if name not in modalities
    }
    return UtteranceBatch(**{**dict(zip(MODALITIES, kept.modalities, strict=True)), **fillers})


def shuffle(utterances: UtteranceBatch, shuffled: Modality, seed: int) -> UtteranceBatch:
    """The batch with the rows of one modality in another order."""
    order = torch.randperm(len(utterances), generator=torch.Generator().manual_seed(seed))
    modalities = dict(zip(MODALITIES, utterances.modalities, strict=True))
    moved = modalities[shuffled]
    return UtteranceBatch(**{**modalities, shuffled: ModalityTokens(moved.values[order], moved.mask[order])})


def measure(network: EmotionNetwork, logits: Tensor, result: Outcome) -> Figures:
    """Figures of calibrated logits [n, c], which are live or revised ones of `result`, against its labels."""
    return figures(
        network.probabilities(logits, result.modes).numpy(),
        result.labels.numpy(),
        network.configuration.classes,
    )


def score(
    network: EmotionNetwork,
    held: DialogueSet,
    modalities: Collection[Modality],
    shuffled: Modality | None = None,
    absent: Absence = "joint",
) -> float:
    """Weighted F1 of the live labels in percent."""
    result = outcome(network, held, modalities, shuffled=shuffled, absent=absent)
    return weighted_f1(result.labels.numpy(), result.live.argmax(1).numpy())


def shuffling_costs(
    network: EmotionNetwork, held: DialogueSet, modalities: Sequence[Modality]
) -> dict[Modality, float]:
    """Points of live weighted F1 lost, per modality, when that modality's rows change places while the others
    stay."""
    whole = score(network, held, modalities)
    return {
        modality: round(whole - score(network, held, modalities, shuffled=modality), 2)
        for modality in modalities
    }


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature that makes `labels` [n] most probable under logits [n, c] (Guo et al., arXiv
    1706.04599, §4.2)."""

    def surprise(log_temperature: float) -> float:
        return float(cross_entropy(logits / float(np.exp(log_temperature)), labels))

    return float(np.exp(minimize_scalar(surprise, bounds=(-3.0, 1.5), method="bounded").x))


def calibrated(network: EmotionNetwork, held: DialogueSet, shown: DialogueSet) -> NetworkConfiguration:
    """The network's configuration with the temperature for every set of modes that fits its live labels from
    them.

    Labels without words say what is shown: they are fitted on `shown`, whose voices and faces show what is
    true, and all others on `held`. A set that holds a mode which was never trained has the temperature of the
    others in it.
    """
    trained = network.configuration.trained
    usable = sum(
        1 << index
        for index, mode in enumerate(MODES)
        if mode in {MODALITY_MODES[modality] for modality in trained}
    )
    fitted = {}
    for number in range(MODE_SETS):
        if number & usable == number:
            modalities = [
                modality for modality in trained if number >> MODES.index(MODALITY_MODES[modality]) & 1
            ]
            result = outcome(network, held if "text" in modalities or not modalities else shown, modalities)
            fitted[number] = round(best_temperature(result.live, result.labels), 4)
    temperatures = tuple(fitted[number & usable] for number in range(MODE_SETS))
    return network.configuration.model_copy(update={"temperatures": temperatures})
