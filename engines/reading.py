"""The two ways in which a sentence encoder reads lines: each one alone, or each with what was said before it."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from emotrack.engines.dialogue_text import Line, LineTokenizer, Window, collate, pack

MAXIMUM_TOKENS = 128
"""Tokens at which the words of a line that is read alone are cut."""
_BATCH = 16
"""Sequences read at once; more only adds padding."""


class Reader(Protocol):
    """Describes lines of a dialogue by their tokens' vectors."""

    context: int
    """How many of the preceding lines are read along."""

    def read(self, lines: Sequence[Line], wanted: Sequence[int]) -> list[np.ndarray]:
        """The vectors float32 [tokens, dim] of each wanted line (indices in rising order), as the lines before it make it."""
        ...


class LineReader:
    """Reads each line alone and keeps its words' own tokens, without the markers of start and end."""

    context = 0

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model

    @torch.inference_mode()
    def read(self, lines: Sequence[Line], wanted: Sequence[int]) -> list[np.ndarray]:
        found: dict[int, np.ndarray] = {}
        for indices in _batches({index: len(lines[index].text) for index in wanted}):
            tokens = self._model.tokenizer(
                [lines[index].text for index in indices],
                padding=True,
                truncation=True,
                max_length=MAXIMUM_TOKENS + 2,
                return_special_tokens_mask=True,
                return_tensors="pt",
            )
            words = tokens.pop("special_tokens_mask") == 0
            inputs = {name: tensor.to(self._model.device) for name, tensor in tokens.items()}
            vectors = self._model(inputs)["token_embeddings"].float().cpu()
            found |= {index: vectors[row][words[row]].numpy() for row, index in enumerate(indices)}
        return [found[index] for index in wanted]


class DialogueReader:
    """Reads each line with those before it and keeps its words and its closing token; a line without words gives none."""

    def __init__(self, model: SentenceTransformer, window: Window) -> None:
        """`model`: a sentence encoder of BERT's kind, adapted to reading dialogues."""
        self.context = window.utterances
        self._window = window
        self._tokenizer = LineTokenizer(model.tokenizer)
        self._encoder: Any = model[0].auto_model

    @torch.inference_mode()
    def read(self, lines: Sequence[Line], wanted: Sequence[int]) -> list[np.ndarray]:
        tokens = self._tokenizer.tokens(lines)
        lengths = [len(line) for line in tokens]
        windows: dict[int, list[int]] = {}
        for index in wanted:  # a line changes nothing for those before it, so all that read from the same line on share a sequence
            windows.setdefault(self._window.first(lengths, index), []).append(index)
        found: dict[int, np.ndarray] = {}
        for firsts in _batches({first: sum(lengths[first : indices[-1] + 1]) for first, indices in windows.items()}):
            passages = [pack(self._tokenizer.start, tokens[first : windows[first][-1] + 1]) for first in firsts]
            ids, mask = collate(passages, self._tokenizer.padding, self._encoder.device)
            vectors = self._encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float().cpu().numpy()
            for row, first in enumerate(firsts):
                found |= {index: vectors[row, passages[row].outputs(index - first)] for index in windows[first]}
        return [found[index] for index in wanted]


def _batches(lengths: dict[int, int]) -> Iterator[list[int]]:
    """The keys in batches of about the same length."""
    keys = sorted(lengths, key=lambda key: lengths[key])
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
