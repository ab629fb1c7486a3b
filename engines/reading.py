"""The two ways in which a sentence encoder reads lines: each one alone, or each with what was said before it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from emotrack.engines.dialogue_text import BEFORE, Line, LineTokenizer, Passage, Tokenizer, Window, pack, padded
from emotrack.engines.engine import Runs

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

    def __init__(self, engine: Runs, tokenizer: Tokenizer) -> None:
        self._engine = engine
        self._tokenizer = tokenizer

    def read(self, lines: Sequence[Line], wanted: Sequence[int]) -> list[np.ndarray]:
        if not wanted:
            return []
        texts = [lines[index].text for index in wanted]
        words = self._tokenizer(texts, add_special_tokens=False, truncation=True, max_length=MAXIMUM_TOKENS)["input_ids"]
        start, end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        marked = {place: [start, *ids, end] for place, ids in enumerate(words)}
        found: dict[int, np.ndarray] = {}
        for places in _batches({place: len(ids) for place, ids in marked.items()}):
            passages = [Passage(marked[place], [BEFORE] * len(marked[place])) for place in places]
            vectors = _vectors(self._engine, passages, self._tokenizer.pad_token_id)
            found |= {place: vectors[row, 1 : len(marked[place]) - 1] for row, place in enumerate(places)}
        return [found[place] for place in range(len(wanted))]


class DialogueReader:
    """Reads each line with those before it and keeps its words and its closing token; a line without words gives none."""

    def __init__(self, engine: Runs, tokenizer: Tokenizer, window: Window) -> None:
        """`engine`: of a sentence encoder of BERT's kind, adapted to reading dialogues."""
        self.context = window.utterances
        self._window = window
        self._tokenizer = LineTokenizer(tokenizer)
        self._engine = engine

    def read(self, lines: Sequence[Line], wanted: Sequence[int]) -> list[np.ndarray]:
        tokens = self._tokenizer.tokens(lines)
        lengths = [len(line) for line in tokens]
        windows: dict[int, list[int]] = {}
        for index in wanted:  # a line changes nothing for those before it, so all that read from the same line on share a sequence
            windows.setdefault(self._window.first(lengths, index), []).append(index)
        found: dict[int, np.ndarray] = {}
        for firsts in _batches({first: sum(lengths[first : indices[-1] + 1]) for first, indices in windows.items()}):
            passages = [pack(self._tokenizer.start, tokens[first : windows[first][-1] + 1]) for first in firsts]
            vectors = _vectors(self._engine, passages, self._tokenizer.padding)
            for row, first in enumerate(firsts):
                found |= {index: vectors[row, passages[row].outputs(index - first)] for index in windows[first]}
        return [found[index] for index in wanted]


def _vectors(engine: Runs, passages: Sequence[Passage], padding: int) -> np.ndarray:
    ids, owners = padded(passages, padding)
    return engine.run(ids=ids, owners=owners)["vectors"]


def _batches(lengths: dict[int, int]) -> Iterator[list[int]]:
    """The keys in batches of about the same length."""
    keys = sorted(lengths, key=lambda key: lengths[key])
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
