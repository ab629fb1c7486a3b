"""Dialogues as the network reads them: tokens of every stream, label numbers and speaker numbers; and batches
of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from emotrack.modalities import Modality
from emotrack.model.batch import UtteranceBatch, collate
from emotrack.model.configuration import ModalityWidths
from emotrack.training.tasks.network.matching import NEUTRAL, MatchedPool

Tokens = Mapping[Modality, NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class ReadDialogue:
    """T utterances in order.

    `tokens`: per utterance the token vectors [n, width] of the modalities it has; `labels` int [T], -1 for
    none; `speakers` int [T], numbered by first appearance; `corpus`: the number of the corpus that it is
    from, 0 for the one whose labels are to be told.
    """

    tokens: tuple[Tokens, ...]
    labels: NDArray[np.int64]
    speakers: NDArray[np.int64]
    corpus: int = 0

    def cut(self, longest: int) -> "ReadDialogue":
        """The dialogue with at most `longest` tokens of each text: the last ones, whose end knows the
        whole."""
        return replace(
            self,
            tokens=tuple(
                {**one, "text": one["text"][-longest:]} if "text" in one else one for one in self.tokens
            ),
        )


@dataclass(frozen=True, slots=True)
class DialogueBatch:
    """Dialogues in one batch: utterances of all of them in a row, `labels`, `speakers` and `corpora` long
    [n], and their `lengths`.

    `shown` long [n, 2]: what voice and face show by themselves, which for recordings is taken to be the
    label; -1 for what is not known.
    """

    utterances: UtteranceBatch
    labels: torch.Tensor
    speakers: torch.Tensor
    lengths: tuple[int, ...]
    shown: torch.Tensor
    corpora: torch.Tensor

    def to(self, device: torch.device | str) -> "DialogueBatch":
        """The batch on another device."""
        return DialogueBatch(
            self.utterances.to(device),
            self.labels.to(device),
            self.speakers.to(device),
            self.lengths,
            self.shown.to(device),
            self.corpora.to(device),
        )


def batch_dialogues(
    dialogues: Sequence[ReadDialogue],
    pool: MatchedPool | None,
    widths: ModalityWidths,
    random: np.random.Generator,
) -> DialogueBatch:
    """Put dialogues into one batch; with a `pool`, every labelled utterance gets a voice and a face drawn for
    its label."""
    rows: list[dict[Modality, NDArray[np.floating] | None]] = []
    shown: list[tuple[int, int]] = []
    for dialogue in dialogues:
        labels, speakers = dialogue.labels.tolist(), dialogue.speakers.tolist()
        drawn = (
            pool.draw([max(label, NEUTRAL) for label in labels], speakers, random)
            if pool is not None
            else None
        )
        for place, (tokens, label) in enumerate(zip(dialogue.tokens, labels, strict=True)):
            row: dict[Modality, NDArray[np.floating] | None] = dict(tokens)
            if drawn is not None and label >= 0:
                row |= {"audio": drawn[place].voice, "face": drawn[place].face}
            rows.append(row)
            shown.append((label, label) if drawn is None or label < 0 else drawn[place].shown)
    return DialogueBatch(
        utterances=collate(rows, widths),
        labels=torch.from_numpy(np.concatenate([dialogue.labels for dialogue in dialogues])),
        speakers=torch.from_numpy(np.concatenate([dialogue.speakers for dialogue in dialogues])),
        lengths=tuple(len(dialogue.labels) for dialogue in dialogues),
        shown=torch.tensor(shown),
        corpora=torch.tensor([one.corpus for one in dialogues for _ in one.labels]),
    )
