"""Adapts the sentence encoder to the emotion of dialogue lines by low-rank factors, as a task of the training
loop.

Lines are read by the functions of live tracking (`emotrack.engines.networks.passages`), but whole dialogues
in one sequence: a line late in a passage reads all that its tokens hold before it, where live tracking reads
at most eight lines. Further corpora with labels of their own share the encoder and have their own heads;
heads are not kept. Some dialogues are read as a recogniser writes them
(`emotrack.training.features.recognised`): what the network says of them as written then teaches it beside the
labels.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from emotrack.engines.encoders.text.encoder import AdapterSettings
from emotrack.engines.networks.passages import DialogueLine
from emotrack.errors import UserError
from emotrack.training.corpora.texts import (
    CLASSES,
    TextDialogue,
    read_dialogues,
    read_emocontext,
    read_goemotions,
    shared_dialogues,
)
from emotrack.training.features.recognised import Form, Recogniser, read_heard_words
from emotrack.training.loop.losses import class_weights, soft_cross_entropy
from emotrack.training.loop.task import CHECKPOINT, fingerprint_of, load_checkpoint
from emotrack.training.tasks.text.lines import (
    LabelledLines,
    LineBatch,
    LineClassifier,
    LinePacker,
    emotional,
    labelled,
)
from emotrack.training.tasks.text.settings import HEADLINE, FurtherName, TextTraining
from emotrack.training.tasks.text.teachers import taught

NEUTRAL = "neutral"
AT_ONCE = 16
"""Dialogues scored at once."""


def fingerprint(settings: TextTraining, seed: int) -> str:
    """See `Task.fingerprint`."""
    return fingerprint_of(settings, seed, *settings.files())


class TextTask:
    """See `emotrack.training.loop.task.Task`."""

    part: Literal["text"] = "text"

    def __init__(self, settings: TextTraining, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        self.fingerprint = fingerprint(settings, seed)
        labelled_by_themselves = () if settings.teachers else settings.auxiliary
        classes = {name: CLASSES[name] for name in (HEADLINE, *labelled_by_themselves)}
        self.network = LineClassifier(settings.base, settings.rank, settings.dropout, classes).to(device)
        if settings.start is not None:
            begin_with(self.network, settings.start)
        positions = self.network.encoder.config.max_position_embeddings
        if settings.window.tokens > positions:
            raise UserError(
                f"{settings.base} reads at most {positions} tokens at once: set window.tokens to that or "
                "less."
            )
        self._packer = LinePacker(self.network.tokenizer, settings.window, device)
        self._settings = settings
        self._device = device
        headline = read_dialogues(settings.table, HEADLINE)
        held_out = [one for one in headline if one.split != "train"]
        self._train = {HEADLINE: labelled(headline, HEADLINE, "train")}
        self._dev = labelled(headline, HEADLINE, "dev")
        for name in settings.auxiliary:
            candidates = _read_further(settings, name)
            shared = shared_dialogues(candidates, held_out)
            kept = [one for one in candidates if (one.split, one.number) not in shared]
            found = labelled(kept, name, "train")
            # Comments and chats have one label each, and are chosen for it.
            short = name in ("GoEmotions", "EmoContext")
            self._train[name] = found if short else emotional(found, CLASSES[name].index(NEUTRAL))
        needed = {f"{corpus} train": found for corpus, found in self._train.items()} | {
            f"{HEADLINE} dev": self._dev
        }
        for wanted, found in needed.items():
            if not found:
                raise UserError(f"{settings.table} has no dialogues of {wanted} to use.")
        if settings.teachers:
            self._train = {name: self._taught(name) for name in self._train}
        self._weights = {name: self._class_weights(name) for name in self._train}
        self.steps = sum(math.ceil(self._count(name) / self._together(name)) for name in self._train)
        self._recogniser = Recogniser(
            (line.text for found in self._train.values() for one in found for line in one.lines),
            None if settings.recognised.heard is None else read_heard_words(settings.recognised.heard),
        )

    def batches(self, epoch: int) -> Iterator[LineBatch]:
        """Dialogues of about the same length in each batch, of one corpus each, in random order."""
        random = np.random.default_rng((self.seed, epoch))
        batches: list[tuple[str, list[LabelledLines]]] = []
        for name, dialogues in self._train.items():
            chosen = self._chosen(name, epoch)
            count = len(chosen)
            lengths = np.array([letters(dialogues[index]) for index in chosen])
            alike = chosen[np.argsort(lengths * random.uniform(0.8, 1.25, count), kind="stable")]
            for part in np.array_split(alike, math.ceil(count / self._together(name))):
                batches.append((name, [dialogues[index] for index in part]))
        for index in random.permutation(len(batches)):
            name, together = batches[index]
            yield self._batch(name, together, random)

    def _chosen(self, name: str, epoch: int) -> np.ndarray:
        """Which of a corpus' dialogues an epoch takes: the next ones of an order that only the seed
        decides."""
        count, dialogues = self._count(name), len(self._train[name])
        order = np.random.default_rng((self.seed, dialogues)).permutation(dialogues)
        return np.take(order, np.arange(epoch * count, (epoch + 1) * count), mode="wrap")

    def _taught(self, name: str) -> list[LabelledLines]:
        """A corpus' dialogues, with the teachers' answers beside those that any epoch takes."""
        dialogues, settings = list(self._train[name]), self._settings
        taken = np.unique(
            np.concatenate([self._chosen(name, epoch) for epoch in range(settings.optimisation.epochs)])
        )
        answered = taught(
            [dialogues[index] for index in taken],
            settings.teachers,
            HEADLINE,
            CLASSES[HEADLINE],
            self._device,
        )
        for index, one in zip(taken, answered, strict=True):
            dialogues[index] = one
        return dialogues

    def _batch(self, name: str, together: list[LabelledLines], random: np.random.Generator) -> LineBatch:
        """The dialogues as written, or as a recogniser writes them with what is written beside it."""
        chosen, forget = self._settings.recognised, self._settings.forget
        if random.random() >= chosen.share:
            return self._packer.batch(name, together, random, forget)
        form: Form = "plain" if random.random() < chosen.plain else "marked"
        errors = random.uniform(0, 2 * chosen.errors)
        batch = self._packer.batch(
            name, [self._heard(one, form, random, errors) for one in together], random, forget
        )
        if not len(batch.labels):
            return self._packer.batch(name, together, random, forget)
        return replace(batch, written=self._packer.batch(name, together)) if chosen.consistency else batch

    def _heard(
        self,
        dialogue: LabelledLines,
        form: Form,
        random: np.random.Generator | None = None,
        errors: float = 0.0,
    ) -> LabelledLines:
        lines = tuple(
            DialogueLine(line.speaker, self._recogniser.write(line.text, form, random, errors))
            for line in dialogue.lines
        )
        return replace(dialogue, lines=lines)

    def losses(self, batch: LineBatch) -> Mapping[str, Tensor]:
        """Cross-entropy against the labels of the batch's corpus, against the teachers' answers, or both.

        Where the batch is as a recogniser writes it, also against what the network says of it as written.
        """
        logits = self._answer(self.network, batch)
        loss = self._labels_loss(batch, logits)
        if batch.written is not None:
            share = self._settings.recognised.consistency
            loss = (1 - share) * loss + share * soft_cross_entropy(
                logits, self._answers_as_written(batch, batch.written)
            )
        further = self._settings.auxiliary.get(batch.corpus)  # type: ignore[call-overload]
        return {batch.corpus: loss if further is None else further.weight * loss}

    def _labels_loss(self, batch: LineBatch, logits: Tensor) -> Tensor:
        if batch.shares is not None and batch.corpus != HEADLINE:
            return soft_cross_entropy(logits, batch.shares)
        loss = cross_entropy(
            logits, batch.labels, self._weights[batch.corpus], label_smoothing=self._settings.smoothing
        )
        if batch.shares is not None:
            loss = (1 - self._settings.trust) * loss + self._settings.trust * soft_cross_entropy(
                logits, batch.shares
            )
        return loss

    @torch.no_grad()
    def _answers_as_written(self, batch: LineBatch, written: LineBatch) -> Tensor:
        """Probabilities [n, c] of the batch's lines: those with no word heard are in `written` alone."""
        learning = self.network.training
        answers = self._answer(self.network.eval(), written).softmax(1)
        self.network.train(learning)
        return answers[torch.isin(written.numbers, batch.numbers)]

    def _answer(self, network: nn.Module, batch: LineBatch) -> Tensor:
        """Logits [n, c]. Few processors have bfloat16 of their own, and the others take many times as long
        for it."""
        with torch.autocast(self._device, torch.bfloat16, enabled=self._device != "cpu"):
            logits: Tensor = network(batch)
        return logits

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """The factors and the heads, each at a rate of their own."""
        factors = [parameter for parameter in self.network.encoder.parameters() if parameter.requires_grad]
        return [
            {"params": factors, "lr": rate},
            {"params": list(self.network.heads.parameters()), "lr": self._settings.head_rate},
        ]

    def settle(self, network: nn.Module, epoch: int) -> None:
        """Nothing is fitted."""

    def score(self, network: nn.Module) -> Mapping[str, float]:
        """Weighted F1 on MELD dev as written, as Whisper marks it and as words alone; `score`: mean of the
        first and the last."""
        scores = {form: self._weighted_f1(network, form) for form in get_args(Form)}
        return {"score": (scores["written"] + scores["plain"]) / 2, **scores}

    def _weighted_f1(self, network: nn.Module, form: Form) -> float:
        truth, answer = [], []
        ordered = sorted((self._heard(one, form) for one in self._dev), key=letters)
        for start in range(0, len(ordered), AT_ONCE):
            batch = self._packer.batch(HEADLINE, ordered[start : start + AT_ONCE])
            answer.append(self._answer(network, batch).argmax(1))
            truth.append(batch.labels)
        return 100 * float(f1_score(torch.cat(truth).cpu(), torch.cat(answer).cpu(), average="weighted"))

    def tensors(self) -> Mapping[str, Tensor]:
        """`<layer>.down` [r, in] and `<layer>.up` [out, r] of every adapted layer, in half precision."""
        return self.network.factors()

    def notes(self) -> Mapping[str, Any]:
        """How the factors are to be used (`emotrack.engines.encoders.text.encoder.AdapterSettings`)."""
        window = self._settings.window
        return AdapterSettings(
            base=self._settings.base, utterances=window.utterances, tokens=window.tokens
        ).model_dump()

    def _count(self, name: str) -> int:
        """Dialogues in an epoch."""
        further = self._settings.auxiliary.get(name)  # type: ignore[call-overload]
        return math.ceil(len(self._train[name]) * (1.0 if further is None else further.share))

    def _together(self, name: str) -> int:
        """Dialogues in a batch."""
        headline, own = (
            np.mean([letters(one) for one in self._train[corpus]]) for corpus in (HEADLINE, name)
        )
        return max(1, round(self._settings.dialogues * float(headline / own)))

    def _class_weights(self, name: str) -> Tensor:
        labels = np.array([label for dialogue in self._train[name] for label in dialogue.labels])
        return class_weights(labels, len(CLASSES[name]), self._settings.class_balance).to(self._device)


def begin_with(network: LineClassifier, run: Path) -> None:
    """Give `network` what the training in the folder `run` learnt; heads that it had not, stay as they are.

    Raises `UserError` where that is of other layers or ranks.
    """
    kept = load_checkpoint(run / CHECKPOINT)[0]["kept"]
    try:
        network.load_state_dict(kept, strict=False)
    except RuntimeError:
        raise UserError(
            f"The run in {run} has factors of other shapes: begin with one of the same `base` and `rank`."
        ) from None


def letters(dialogue: LabelledLines) -> int:
    """How long a dialogue's lines are in all."""
    return sum(len(line.text) for line in dialogue.lines)


def _read_further(settings: TextTraining, name: FurtherName) -> list[TextDialogue]:
    if name == "GoEmotions" and settings.goemotions is not None:
        return read_goemotions(settings.goemotions)
    if name == "EmoContext" and settings.emocontext is not None:
        return read_emocontext(settings.emocontext)
    return read_dialogues(settings.table, name)
