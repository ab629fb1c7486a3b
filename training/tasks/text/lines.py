"""Dialogue lines with labels in batches of passages, and the sentence encoder with low-rank factors and heads
that learns from them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from emotrack.engines.encoders.text.encoder import find_model
from emotrack.engines.networks.passages import (
    LETTERS,
    DialogueLine,
    LineTokenizer,
    Passage,
    Window,
    pack,
    padded,
)
from emotrack.engines.networks.sentence import attention_mask, linear_layers, no_model
from emotrack.training.corpora.records import number_speakers
from emotrack.training.corpora.texts import CLASSES, TextDialogue
from emotrack.training.loop.losses import UNLABELLED


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Passages as the encoder takes them, and where each labelled line stands in them.

    `ids` [B, L], `mask` [B, 1, L, L]; `rows` [n] and `places` bool [n, L]: the tokens that describe each
    line; `labels` [n]; `numbers` [n], rising: which of all lines of the batch's dialogues each is; `shares`
    [n, c]: what teachers say of each line, if there are any; `written`: the same dialogues as their script
    has them, where this batch has them as a recogniser writes them.
    """

    corpus: str
    ids: Tensor
    mask: Tensor
    rows: Tensor
    places: Tensor
    labels: Tensor
    numbers: Tensor
    shares: Tensor | None = None
    written: "LineBatch | None" = None


class LineClassifier(nn.Module):
    """The adapted encoder, and for each corpus a head on a line's mean and last token vector."""

    def __init__(self, base: str, rank: int, dropout: float, classes: Mapping[str, Sequence[str]]) -> None:
        """`base`: the sentence encoder; `dropout`: of what the heads are given.

        `classes`: those of each corpus; the first one's head also answers for corpora that have none.
        """
        super().__init__()
        loaded = _load(find_model(base))
        bert: Any = loaded[0].auto_model
        adapter = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(linear_layers(bert)))
        self.tokenizer = loaded.tokenizer
        self.encoder = get_peft_model(bert, adapter)
        self.headline = next(iter(classes))
        width = 2 * bert.config.hidden_size
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Dropout(dropout), nn.Linear(width, len(names)))
                for name, names in classes.items()
            }
        )

    def forward(self, batch: LineBatch) -> Tensor:
        """Logits [n, classes] of the batch's lines."""
        vectors = self.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state[batch.rows]
        share = batch.places / batch.places.sum(1, keepdim=True)
        last = (batch.places * torch.arange(1, batch.places.shape[1] + 1, device=batch.ids.device)).argmax(1)
        mean = torch.einsum("nl,nld->nd", share.to(vectors.dtype), vectors)
        logits: Tensor = self.heads[batch.corpus if batch.corpus in self.heads else self.headline](
            torch.cat([mean, vectors[torch.arange(len(last)), last]], 1)
        )
        return logits.float()

    def factors(self) -> dict[str, Tensor]:
        """The low-rank factors by the names that a bundle gives them."""
        halves = {"lora_A.default": "down", "lora_B.default": "up"}
        found = {}
        for name, module in self.encoder.get_base_model().named_modules():
            for theirs, ours in halves.items():
                if name.endswith(theirs):
                    found[f"{name.removesuffix('.' + theirs)}.{ours}"] = module.weight.detach().half()
        return found


def _load(directory: Path) -> SentenceTransformer:
    """The sentence encoder with its tokenizer; raises `UserError` where there is none."""
    transformers_logging.disable_progress_bar()
    # Dropout of attention draws a number for every pair of tokens, which takes a processor a third of a
    # training step.
    calm = {"attention_probs_dropout_prob": 0.0}
    try:
        return SentenceTransformer(
            str(directory), device="cpu", local_files_only=True, config_kwargs=calm
        ).eval()
    except (OSError, ValueError, KeyError) as error:
        raise no_model(directory, error) from error


@dataclass(frozen=True, slots=True)
class LabelledLines:
    """A dialogue: its speakers' numbers, words and labels [T], `UNLABELLED` for lines that are only read.

    `shares` [T, c]: what teachers say of its lines, or where people named several emotions, their shares.
    """

    lines: tuple[DialogueLine, ...]
    labels: tuple[int, ...]
    shares: NDArray[np.floating] | None = None


class LinePacker:
    """Packs whole dialogues into batches."""

    def __init__(self, tokenizer: Any, window: Window, device: str) -> None:
        """`tokenizer`: the Hugging Face tokenizer of the sentence encoder."""
        self._tokenizer = LineTokenizer(tokenizer)
        self._hidden: int = tokenizer.mask_token_id
        self._marks = torch.tensor(tokenizer.all_special_ids, device=device)
        self._window = window
        self._device = device

    def batch(
        self,
        corpus: str,
        dialogues: Sequence[LabelledLines],
        random: np.random.Generator | None = None,
        forget: float = 0.0,
    ) -> LineBatch:
        """One batch of whole dialogues; with `random`, speakers change letters and the share `forget` of the
        words is hidden.

        Lines without words or label are not among those to name.
        """
        passages: list[Passage] = []
        rows: list[int] = []
        outputs: list[slice] = []
        labels: list[int] = []
        shares: list[NDArray[np.floating]] = []
        numbers: list[int] = []
        count = 0
        for dialogue in dialogues:
            lines = dialogue.lines
            if random is not None:
                names = random.permutation(len(LETTERS))
                lines = tuple(
                    DialogueLine(int(names[line.speaker % len(LETTERS)]), line.text) for line in lines
                )
            for passage, owners in self.passages(self._tokenizer.tokens(lines)):
                for line, place in owners:
                    if dialogue.labels[line] == UNLABELLED:
                        continue
                    numbers.append(count + line)
                    rows.append(len(passages))
                    outputs.append(passage.outputs(place))
                    labels.append(dialogue.labels[line])
                    if dialogue.shares is not None:
                        shares.append(dialogue.shares[line])
                passages.append(passage)
            count += len(lines)
        ids, whose = (
            torch.from_numpy(array).to(self._device) for array in padded(passages, self._tokenizer.padding)
        )
        if random is not None:
            hidden = torch.from_numpy(random.random(ids.shape) < forget).to(self._device)
            ids = torch.where(hidden & ~torch.isin(ids, self._marks), self._hidden, ids)
        places = torch.zeros(len(rows), ids.shape[1], dtype=torch.bool)
        for row, output in enumerate(outputs):
            places[row, output] = True
        return LineBatch(
            corpus=corpus,
            ids=ids,
            mask=attention_mask(whose),
            rows=torch.tensor(rows, device=self._device),
            places=places.to(self._device),
            labels=torch.tensor(labels, device=self._device),
            numbers=torch.tensor(numbers, device=self._device),
            shares=torch.from_numpy(np.stack(shares)).to(self._device) if shares else None,
        )

    def passages(self, tokens: Sequence[Sequence[int]]) -> Iterator[tuple[Passage, list[tuple[int, int]]]]:
        """Passages that hold each line with words once as one to label, and the number and place of those
        lines in each."""
        lengths = [len(line) for line in tokens]
        start = 0
        while start < len(tokens):
            first = self._window.first(lengths, start)
            end = start + 1
            while end < len(tokens) and 1 + sum(lengths[first : end + 1]) <= self._window.tokens:
                end += 1
            owners = [(line, line - first) for line in range(start, end) if lengths[line]]
            if owners:
                yield pack(self._tokenizer.start, tokens[first:end]), owners
            start = end


def labelled(dialogues: Sequence[TextDialogue], name: str, split: str) -> list[LabelledLines]:
    """The dialogues of one split with numbers for speakers and labels.

    Where lines of the corpus `name` have several emotions, each has an equal share and the first is the
    label.
    """
    classes = CLASSES[name]
    several = any("|" in line.emotion for one in dialogues for line in one.lines)
    found = []
    for one in dialogues:
        if one.split != split:
            continue
        speakers = number_speakers([line.speaker for line in one.lines])
        named = [
            [classes.index(emotion) for emotion in line.emotion.split("|") if emotion] for line in one.lines
        ]
        found.append(
            LabelledLines(
                tuple(
                    DialogueLine(int(speaker), line.text)
                    for speaker, line in zip(speakers, one.lines, strict=True)
                ),
                tuple(labels[0] if labels else UNLABELLED for labels in named),
                np.stack([equal_shares(labels, len(classes)) for labels in named]) if several else None,
            )
        )
    return found


def equal_shares(labels: Sequence[int], classes: int) -> NDArray[np.float32]:
    """A distribution float32 [classes] that gives each of `labels` the same; zeros where there are none."""
    shares = np.zeros(classes, np.float32)
    shares[list(labels)] = 1 / max(len(labels), 1)
    return shares


def emotional(dialogues: Sequence[LabelledLines], neutral: int) -> list[LabelledLines]:
    """Those in which at least two lines are not neutral: most of DailyDialog is nothing else."""
    return [one for one in dialogues if sum(label != neutral for label in one.labels) > 1]
