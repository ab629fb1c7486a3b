"""A dialogue's lines as one sequence of tokens in which every line reads itself and what came before it.

Training packs whole dialogues with these functions, live tracking the newest lines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from pydantic import Field

WORDS = 126
"""Tokens at which a line's words are cut."""
LETTERS = "abcdefgh"
"""What speakers are called, by their number; after the last letter the first one is used again."""
BEFORE = -1
"""Owner of the start token, which every line reads."""
NOBODY = 2**31 - 1
"""Owner of padding, which no line reads."""


@dataclass(frozen=True, slots=True)
class DialogueLine:
    """What somebody said; speakers are numbered from 0 in the order in which the dialogue first hears
    them."""

    speaker: int
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a line reads: at most so many lines with words before it, and at most so many tokens with
    itself."""

    utterances: Annotated[int, Field(ge=0)] = 8
    """Lines with words before a line that are read along with it."""
    tokens: Annotated[int, Field(ge=WORDS + 3)] = 256
    """Tokens of them all; the longest line, its two marks and the start token fit in any case."""

    def first(self, lengths: Sequence[int], current: int) -> int:
        """The oldest line read along with the line `current`, lines being as long as `lengths` says (0
        without words).

        Lines are read whole or not at all; the start token counts too.
        """
        first, room, lines = current, self.tokens - 1 - lengths[current], self.utterances
        for index in range(current - 1, -1, -1):
            if lengths[index] == 0:
                continue
            room, lines = room - lengths[index], lines - 1
            if room < 0 or lines < 0:
                break
            first = index
        return first


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines in one sequence: the tokens' ids, and whose each token is: the index of its line, less than any
    for the start token."""

    ids: list[int]
    owners: list[int]

    def outputs(self, line: int) -> slice:
        """The positions that describe a line: its words and its closing token; none where it has no words."""
        count = self.owners.count(line)
        start = self.owners.index(line) + 1 if count else 0
        return slice(start, start + max(count - 1, 0))


class Tokenizer(Protocol):
    """What is needed of a sentence encoder's tokenizer; those of Hugging Face have it too."""

    cls_token_id: int
    sep_token_id: int
    pad_token_id: int

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        """The numbers of these tokens."""
        ...

    def __call__(
        self, texts: list[str], *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> Mapping[str, list[list[int]]]:
        """The tokens of texts, by number, under "input_ids"."""
        ...


class LineTokenizer:
    """Turns lines into token ids: the speaker's letter, the words, the closing token."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """`tokenizer`: that of a sentence encoder of BERT's kind."""
        self.start: int = tokenizer.cls_token_id
        self.padding: int = tokenizer.pad_token_id
        self._end = tokenizer.sep_token_id
        self._letters = tokenizer.convert_tokens_to_ids(list(LETTERS))
        self._tokenizer = tokenizer

    def tokens(self, lines: Sequence[DialogueLine]) -> list[list[int]]:
        """The ids of each line; of one without words, none."""
        if not lines:
            return []
        texts = [line.text for line in lines]
        words = self._tokenizer(texts, add_special_tokens=False, truncation=True, max_length=WORDS)[
            "input_ids"
        ]
        letters = (self._letters[line.speaker % len(LETTERS)] for line in lines)
        return [[letter, *ids, self._end] if ids else [] for letter, ids in zip(letters, words, strict=True)]


def pack(start: int, lines: Sequence[Sequence[int]]) -> Passage:
    """One sequence of the start token and any number of lines (token ids each), oldest first."""
    ids, owners = [start], [BEFORE]
    for index, line in enumerate(lines):
        ids += line
        owners += [index] * len(line)
    return Passage(ids, owners)


def padded(passages: Sequence[Passage], padding: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and owners of all tokens, each int64 [B, L], with padding behind them that belongs to nobody.

    A token is to attend to the start token and to every token of its own and of earlier lines: to all whose
    owner is no greater.
    """
    longest = max(len(passage.ids) for passage in passages)
    ids = np.full((len(passages), longest), padding, np.int64)
    owners = np.full((len(passages), longest), NOBODY, np.int64)
    for row, passage in enumerate(passages):
        ids[row, : len(passage.ids)] = passage.ids
        owners[row, : len(passage.ids)] = passage.owners
    return ids, owners
