"""Dialogues as the network reads them: text tokens, label numbers and speaker numbers; and their voices and faces, once drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from emotrack.model.batch import UtteranceBatch, collate
from emotrack.model.configuration import MELD_CLASSES, Stream, StreamWidths
from emotrack.training.corpora import Dialogue
from emotrack.training.matching import MatchedPool


@dataclass(frozen=True, slots=True)
class ReadDialogue:
    """T utterances in order: `text` [tokens, 384] each, `labels` int [T], `speakers` int [T] numbered by first appearance."""

    text: tuple[np.ndarray, ...]
    labels: np.ndarray
    speakers: np.ndarray

    def cut(self, tokens: int) -> "ReadDialogue":
        """The dialogue with at most `tokens` of each text."""
        return replace(self, text=tuple(text[:tokens] for text in self.text))


@dataclass(frozen=True, slots=True)
class DialogueBatch:
    """Dialogues in one batch: utterances of all of them in a row, `labels` and `speakers` long [n], and their `lengths`."""

    utterances: UtteranceBatch
    labels: torch.Tensor
    speakers: torch.Tensor
    lengths: tuple[int, ...]


def attach(dialogues: Sequence[Dialogue], tokens: Sequence[np.ndarray]) -> list[ReadDialogue]:
    """Give dialogues the text tokens of their utterances, all in order; labels are numbered as in `MELD_CLASSES`."""
    remaining = iter(tokens)
    return [
        ReadDialogue(
            text=tuple(next(remaining) for _ in dialogue.lines),
            labels=np.array([MELD_CLASSES.index(line.emotion) for line in dialogue.lines]),
            speakers=number_speakers([line.speaker for line in dialogue.lines]),
        )
        for dialogue in dialogues
    ]


def number_speakers(names: Sequence[str]) -> np.ndarray:
    """0 for the first speaker, 1 for the next new one, and so on."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names])


def batch_dialogues(
    dialogues: Sequence[ReadDialogue], pool: MatchedPool, widths: StreamWidths, random: np.random.Generator
) -> DialogueBatch:
    """Put dialogues into one batch, with a voice and a face drawn from `pool` for the label of every utterance."""
    rows: list[dict[Stream, NDArray[np.floating] | None]] = []
    for dialogue in dialogues:
        for text, label in zip(dialogue.text, dialogue.labels.tolist(), strict=True):
            voice, face = pool.voice(label, random), pool.face(label, random)
            rows.append({"text": text.astype(np.float32), "audio": voice, "face": face})
    return DialogueBatch(
        utterances=collate(rows, widths),
        labels=torch.from_numpy(np.concatenate([dialogue.labels for dialogue in dialogues])),
        speakers=torch.from_numpy(np.concatenate([dialogue.speakers for dialogue in dialogues])),
        lengths=tuple(len(dialogue.labels) for dialogue in dialogues),
    )
