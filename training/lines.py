"""Dialogue lines with labels, packed into batches of passages: whole dialogues where live tracking reads one line and its past."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emotrack.engines.dialogue_text import LETTERS, Line, LineTokenizer, Passage, Window, pack, padded
from emotrack.engines.networks.sentence import attention_mask
from emotrack.training.corpora.dialogue_table import CLASSES, Dialogue
from emotrack.training.dialogues import number_speakers
from emotrack.training.line_classifier import LineBatch
from emotrack.training.losses import UNLABELLED


@dataclass(frozen=True, slots=True)
class LabelledLines:
    """A dialogue: its speakers' numbers, words and labels [T], `UNLABELLED` for lines that are only read.

    `shares` [T, c]: what teachers say of its lines, or where people named several emotions, their shares.
    """

    lines: tuple[Line, ...]
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
        self, corpus: str, dialogues: Sequence[LabelledLines], random: np.random.Generator | None = None, forget: float = 0.0
    ) -> LineBatch:
        """One batch of whole dialogues; with `random`, speakers change letters and the share `forget` of the words is hidden.

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
                lines = tuple(Line(int(names[line.speaker % len(LETTERS)]), line.text) for line in lines)
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
        ids, whose = (torch.from_numpy(array).to(self._device) for array in padded(passages, self._tokenizer.padding))
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
        """Passages that hold each line with words once as one to label, and the number and place of those lines in each."""
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


def labelled(dialogues: Sequence[Dialogue], name: str, split: str) -> list[LabelledLines]:
    """The dialogues of one split with numbers for speakers and labels.

    Where lines of the corpus `name` have several emotions, each has an equal share and the first is the label.
    """
    classes = CLASSES[name]
    several = any("|" in line.emotion for one in dialogues for line in one.lines)
    found = []
    for one in dialogues:
        if one.split != split:
            continue
        speakers = number_speakers([line.speaker for line in one.lines])
        named = [[classes.index(emotion) for emotion in line.emotion.split("|") if emotion] for line in one.lines]
        found.append(
            LabelledLines(
                tuple(Line(int(speaker), line.text) for speaker, line in zip(speakers, one.lines, strict=True)),
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
