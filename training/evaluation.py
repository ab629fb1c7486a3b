"""Held-out figures of a trained network: by the modes that it may use, live, revised and offline; and its calibration."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from emotrack.model.batch import TokenStream, UtteranceBatch
from emotrack.model.configuration import STREAMS, NetworkConfiguration, Stream, StreamWidths
from emotrack.model.network import EmotionNetwork
from emotrack.training.dialogues import DialogueBatch, ReadDialogue, batch_dialogues
from emotrack.training.fusion import in_context
from emotrack.training.matching import MatchedPool
from emotrack.training.metrics import Figures, figures

TEXT: tuple[Stream, ...] = ("text",)
SUBSETS: dict[str, tuple[Stream, ...]] = {
    "A": ("audio",),
    "V": ("face",),
    "T+A": ("text", "audio"),
    "T+V": ("text", "face"),
    "A+V": ("audio", "face"),
    "T+A+V": ("text", "audio", "face"),
}
"""The streams of the label-matched rows of the model card, by the papers' names."""


@dataclass(frozen=True, slots=True)
class DialogueSet:
    """Held-out dialogues with voices and faces drawn for them once."""

    batches: tuple[DialogueBatch, ...]

    @classmethod
    def draw(cls, dialogues: Sequence[ReadDialogue], pool: MatchedPool, widths: StreamWidths, seed: int) -> "DialogueSet":
        """Draw from `pool` for all of `dialogues`."""
        random = np.random.default_rng(seed)
        together = [dialogues[start : start + 16] for start in range(0, len(dialogues), 16)]
        return cls(tuple(batch_dialogues(part, pool, widths, random) for part in together))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Logits [n, c] of all utterances of a set, by the live head and by the reviser, and their labels [n]."""

    live: Tensor
    revised: Tensor
    labels: Tensor


@torch.no_grad()
def outcome(
    network: EmotionNetwork,
    held: DialogueSet,
    streams: Collection[Stream],
    look_ahead: int | None = None,
    shuffled: Stream | None = None,
    impute: bool = True,
) -> Outcome:
    """Run the network on `held` with only `streams`; `shuffled` names one whose rows change places within each batch."""
    kept = torch.tensor([name in streams for name in STREAMS])
    live, revised = [], []
    for number, batch in enumerate(held.batches):
        utterances = batch.utterances.keep(kept)
        if shuffled is not None:
            utterances = shuffle(utterances, shuffled, number)
        logits, valid = in_context(network, network.fuse(utterances, impute), batch, look_ahead)
        live.append(logits.live[valid])
        revised.append(logits.revised[valid])
    return Outcome(torch.cat(live), torch.cat(revised), torch.cat([batch.labels for batch in held.batches]))


def shuffle(utterances: UtteranceBatch, shuffled: Stream, seed: int) -> UtteranceBatch:
    """The batch with the rows of one stream in another order."""
    order = torch.randperm(len(utterances), generator=torch.Generator().manual_seed(seed))
    streams = dict(zip(STREAMS, utterances.streams, strict=True))
    moved = streams[shuffled]
    return UtteranceBatch(**{**streams, shuffled: TokenStream(moved.values[order], moved.mask[order])})


def measure(network: EmotionNetwork, logits: Tensor, labels: Tensor) -> Figures:
    """Figures of calibrated logits [n, c] against labels [n]."""
    return figures(network.probabilities(logits).numpy(), labels.numpy(), network.configuration.classes)


def score(network: EmotionNetwork, held: DialogueSet, streams: Collection[Stream], shuffled: Stream | None = None) -> float:
    """Weighted F1 of the live labels in percent."""
    result = outcome(network, held, streams, shuffled=shuffled)
    return measure(network, result.live, result.labels)["weighted_f1"]


def shuffling_costs(network: EmotionNetwork, held: DialogueSet, streams: Sequence[Stream]) -> dict[Stream, float]:
    """Points of live weighted F1 lost, per stream, when that stream's rows change places while the others stay."""
    whole = score(network, held, streams)
    return {stream: round(whole - score(network, held, streams, shuffled=stream), 2) for stream in streams}


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature that makes `labels` [n] most probable under logits [n, c] (Guo et al., arXiv 1706.04599, §4.2)."""

    def surprise(log_temperature: float) -> float:
        return float(cross_entropy(logits / float(np.exp(log_temperature)), labels))

    return float(np.exp(minimize_scalar(surprise, bounds=(-1.5, 1.5), method="bounded").x))


def calibrated(network: EmotionNetwork, held: DialogueSet) -> NetworkConfiguration:
    """The network's configuration with the temperature that fits its live labels from text alone."""
    result = outcome(network, held, TEXT)
    temperature = round(best_temperature(result.live, result.labels), 4)
    return network.configuration.model_copy(update={"temperature": temperature})


def held_out(network: EmotionNetwork, held: DialogueSet) -> dict[str, Any]:
    """All figures of the model card on held-out dialogues: from text alone, and with label-matched voices and faces."""
    text = outcome(network, held, TEXT)
    figures_of: dict[str, Any] = {
        "text_live": measure(network, text.live, text.labels),
        "text_revised_offline": measure(network, text.revised, text.labels),
    }
    for name, look_ahead in (("text_revised_after_2", 2), ("text_revised_after_4", 4)):
        later = outcome(network, held, TEXT, look_ahead=look_ahead)
        figures_of[name] = measure(network, later.revised, later.labels)
    matched: dict[str, float] = {}
    unimputed: dict[str, float] = {}
    for name, streams in SUBSETS.items():
        for table, impute in ((matched, True), (unimputed, False)):
            result = outcome(network, held, streams, impute=impute)
            table[name] = measure(network, result.live, result.labels)["weighted_f1"]
    result = outcome(network, held, TEXT, impute=False)
    unimputed["T"] = measure(network, result.live, result.labels)["weighted_f1"]
    return figures_of | {"label_matched_live_weighted_f1": matched, "label_matched_without_joint_embedding": unimputed}
