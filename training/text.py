"""Adapts the sentence encoder to the emotion of dialogue lines by low-rank factors, as a task of the training loop.

Lines are read by the functions of live tracking (`emotrack.engines.dialogue_text`), but whole dialogues in one sequence: a line
late in a passage reads all that its tokens hold before it, where live tracking reads at most eight lines. Further corpora with
labels of their own share the encoder and have their own heads; heads are not kept.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from emotrack.engines.adapter import AdapterSettings
from emotrack.engines.dialogue_text import Window
from emotrack.engines.text import MINILM
from emotrack.model.errors import UserError
from emotrack.training.checkpoint import CHECKPOINT
from emotrack.training.corpora.dialogue_table import CLASSES, read_dialogues
from emotrack.training.corpora.overlap import shared_dialogues
from emotrack.training.line_classifier import LineBatch, LineClassifier
from emotrack.training.lines import LabelledLines, LinePacker, emotional, labelled
from emotrack.training.losses import class_weights, soft_cross_entropy
from emotrack.training.settings import Training
from emotrack.training.task import fingerprint_of
from emotrack.training.teachers import taught

HEADLINE = "MELD"
NEUTRAL = "neutral"


class TextTraining(Training):
    """How the sentence encoder is adapted."""

    train: Literal["text"] = "text"
    table: Path
    """CSV file of dialogues (the corpora `meld`, `emorynlp`, `dailydialog`)."""
    auxiliary: dict[Literal["EmoryNLP", "DailyDialog"], Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Further corpora to learn from beside MELD, and how much a batch of each counts."""
    share: float = Field(1.0, gt=0, le=1)
    """Share of the further corpora's dialogues in one epoch; each epoch takes the next ones."""
    teachers: tuple[Path, ...] = ()
    """Folders of earlier trainings to learn from: what they answer on average replaces the further corpora's own labels."""
    trust: float = Field(0.5, ge=0, le=1)
    """Weight of the teachers beside MELD's own labels."""
    base: str = MINILM
    window: Window = Window()
    rank: int = Field(32, ge=1)
    """Rank of the factors of every linear layer."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Of the factors' inputs; the heads have twice as much."""
    forget: float = Field(0.1, ge=0, lt=1)
    """Share of the words that training hides."""
    dialogues: int = Field(8, ge=1)
    """Dialogues in a batch."""
    class_balance: float = Field(0.3, ge=0, le=1)
    """Class weights are frequencies to the power of minus this."""
    smoothing: float = Field(0.05, ge=0, lt=1)
    """Label smoothing."""
    head_rate: float = Field(1e-3, gt=0)
    """Highest learning rate of the heads; that of the factors is the optimisation's."""


def fingerprint(settings: TextTraining, seed: int) -> str:
    """See `Task.fingerprint`."""
    return fingerprint_of(settings, seed, settings.table, *(run / CHECKPOINT for run in settings.teachers))


class TextTask:
    """See `emotrack.training.task.Task`."""

    part: Literal["text"] = "text"

    def __init__(self, settings: TextTraining, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        self.fingerprint = fingerprint(settings, seed)
        labelled_by_themselves = () if settings.teachers else settings.auxiliary
        classes = {name: CLASSES[name] for name in (HEADLINE, *labelled_by_themselves)}
        self.network = LineClassifier(settings.base, settings.rank, settings.dropout, classes).to(device)
        positions = self.network.encoder.config.max_position_embeddings
        if settings.window.tokens > positions:
            raise UserError(f"{settings.base} reads at most {positions} tokens at once: set window.tokens to that or less.")
        self._packer = LinePacker(self.network.tokenizer, settings.window, device)
        self._settings = settings
        self._device = device
        headline = read_dialogues(settings.table, HEADLINE)
        held_out = [one for one in headline if one.split != "train"]
        self._train = {HEADLINE: labelled(headline, HEADLINE, "train")}
        self._dev = labelled(headline, HEADLINE, "dev")
        for name in settings.auxiliary:
            candidates = read_dialogues(settings.table, name)
            shared = shared_dialogues(candidates, held_out)
            kept = [one for one in candidates if (one.split, one.number) not in shared]
            self._train[name] = emotional(labelled(kept, name, "train"), CLASSES[name].index(NEUTRAL))
        needed = {f"{corpus} train": found for corpus, found in self._train.items()} | {f"{HEADLINE} dev": self._dev}
        for wanted, found in needed.items():
            if not found:
                raise UserError(f"{settings.table} has no dialogues of {wanted} to use.")
        if settings.teachers:
            self._train = {
                name: taught(found, settings.teachers, HEADLINE, CLASSES[HEADLINE], device) for name, found in self._train.items()
            }
        self._weights = {name: self._class_weights(name) for name in self._train}
        self.steps = sum(math.ceil(self._count(name) / settings.dialogues) for name in self._train)

    def batches(self, epoch: int) -> Iterator[LineBatch]:
        """Dialogues of about the same length in each batch, of one corpus each, in random order."""
        random = np.random.default_rng((self.seed, epoch))
        batches: list[tuple[str, list[LabelledLines]]] = []
        for name, dialogues in self._train.items():
            count = self._count(name)
            order = np.random.default_rng((self.seed, len(dialogues))).permutation(len(dialogues))
            chosen = np.take(order, np.arange(epoch * count, (epoch + 1) * count), mode="wrap")
            lengths = np.array([sum(len(line.text) for line in dialogues[index].lines) for index in chosen])
            alike = chosen[np.argsort(lengths * random.uniform(0.8, 1.25, count), kind="stable")]
            for part in np.array_split(alike, math.ceil(count / self._settings.dialogues)):
                batches.append((name, [dialogues[index] for index in part]))
        for index in random.permutation(len(batches)):
            name, together = batches[index]
            yield self._packer.batch(name, together, random, self._settings.forget)

    def losses(self, batch: LineBatch) -> Mapping[str, Tensor]:
        """Cross-entropy against the labels of the batch's corpus, against the teachers' answers, or both."""
        with torch.autocast(self._device, torch.bfloat16):
            logits = self.network(batch)
        weight = self._settings.auxiliary.get(batch.corpus, 1.0)  # type: ignore[call-overload]
        if batch.shares is not None and batch.corpus != HEADLINE:
            return {batch.corpus: weight * soft_cross_entropy(logits, batch.shares)}
        loss = cross_entropy(logits, batch.labels, self._weights[batch.corpus], label_smoothing=self._settings.smoothing)
        if batch.shares is not None:
            loss = (1 - self._settings.trust) * loss + self._settings.trust * soft_cross_entropy(logits, batch.shares)
        return {batch.corpus: weight * loss}

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """The factors and the heads, each at a rate of their own."""
        factors = [parameter for parameter in self.network.encoder.parameters() if parameter.requires_grad]
        return [{"params": factors, "lr": rate}, {"params": list(self.network.heads.parameters()), "lr": self._settings.head_rate}]

    def settle(self, network: nn.Module, epoch: int) -> None:
        """Nothing is fitted."""

    def score(self, network: nn.Module) -> Mapping[str, float]:
        """Weighted F1 on MELD dev."""
        given, named = [], []
        ordered = sorted(self._dev, key=lambda dialogue: sum(len(line.text) for line in dialogue.lines))
        for start in range(0, len(ordered), 16):
            batch = self._packer.batch(HEADLINE, ordered[start : start + 16])
            with torch.autocast(self._device, torch.bfloat16):
                named.append(network(batch).argmax(1))
            given.append(batch.labels)
        truth, answer = torch.cat(given).cpu(), torch.cat(named).cpu()
        return {
            "score": 100 * float(f1_score(truth, answer, average="weighted")),
            "macro F1": 100 * float(f1_score(truth, answer, average="macro")),
        }

    def tensors(self) -> Mapping[str, Tensor]:
        """`<layer>.down` [r, in] and `<layer>.up` [out, r] of every adapted layer, in half precision."""
        return self.network.factors()

    def notes(self) -> Mapping[str, Any]:
        """How the factors are to be used (`emotrack.engines.adapter.AdapterSettings`)."""
        window = self._settings.window
        return AdapterSettings(base=self._settings.base, utterances=window.utterances, tokens=window.tokens).model_dump()

    def _count(self, name: str) -> int:
        share = 1.0 if name == HEADLINE else self._settings.share
        return math.ceil(len(self._train[name]) * share)

    def _class_weights(self, name: str) -> Tensor:
        labels = np.array([label for dialogue in self._train[name] for label in dialogue.labels])
        return class_weights(labels, len(CLASSES[name]), self._settings.class_balance).to(self._device)
