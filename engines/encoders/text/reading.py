"""How a sentence encoder reads lines: its tokenizer, and each line alone or with what was said before it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from emotrack.engines.contract.engine import RunnableEngine
from emotrack.engines.networks.passages import (
    BEFORE,
    DialogueLine,
    LineTokenizer,
    Passage,
    Tokenizer,
    Window,
    pack,
    padded,
)
from emotrack.errors import UserError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


class SentenceTokenizer:
    """See `passages.Tokenizer`."""

    def __init__(self, directory: Path) -> None:
        """Read `tokenizer.json` and the names of the special tokens; raises `UserError` where they are
        missing or wrong."""
        from tokenizers import Tokenizer  # where it does not load, text is left out and the rest goes on

        try:
            tokenizer, configuration = (directory / name for name in TOKENIZER_FILES)
            self._backend = Tokenizer.from_file(str(tokenizer))
            names = json.loads(configuration.read_text("utf-8"))
            self.cls_token_id, self.sep_token_id, self.pad_token_id = (
                self._identifier(names[f"{role}_token"]) for role in ("cls", "sep", "pad")
            )
        except Exception as error:
            # The tokenizers library raises plain exceptions only.
            raise UserError(
                f"{directory} holds no sentence-transformers model with a tokenizer.json: give the "
                "directory of a whole copy."
            ) from error
        self._backend.no_padding()
        self._backend.no_truncation()

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        """The numbers of these tokens."""
        return [self._identifier(token) for token in tokens]

    def __call__(
        self, texts: list[str], *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> dict[str, list[list[int]]]:
        """The tokens of texts, by number."""
        found = self._backend.encode_batch(texts, add_special_tokens=add_special_tokens)
        return {"input_ids": [one.ids[:max_length] if truncation else one.ids for one in found]}

    def _identifier(self, token: str | dict[str, str]) -> int:
        found = self._backend.token_to_id(token if isinstance(token, str) else token["content"])
        if found is None:
            raise ValueError(f"no token {token}")
        return found


MAXIMUM_TOKENS = 128
"""Tokens at which the words of a line that is read alone are cut."""
_BATCH = 16
"""Sequences read at once; more only adds padding."""


class Reader(Protocol):
    """Describes lines of a dialogue by their tokens' vectors."""

    context: int
    """How many of the preceding lines are read along."""

    def read(self, lines: Sequence[DialogueLine], wanted: Sequence[int]) -> list[np.ndarray]:
        """The vectors float32 [tokens, dim] of each wanted line (indices in rising order), as the lines
        before it make it."""
        ...


class LineReader:
    """Reads each line alone and keeps its words' own tokens, without the markers of start and end."""

    context = 0

    def __init__(self, engine: RunnableEngine, tokenizer: Tokenizer) -> None:
        self._engine = engine
        self._tokenizer = tokenizer

    def read(self, lines: Sequence[DialogueLine], wanted: Sequence[int]) -> list[np.ndarray]:
        """See `Reader.read`."""
        if not wanted:
            return []
        texts = [lines[index].text for index in wanted]
        words = self._tokenizer(texts, add_special_tokens=False, truncation=True, max_length=MAXIMUM_TOKENS)[
            "input_ids"
        ]
        start, end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        marked = {place: [start, *ids, end] for place, ids in enumerate(words)}
        found: dict[int, np.ndarray] = {}
        for places in _batches({place: len(ids) for place, ids in marked.items()}):
            passages = [Passage(marked[place], [BEFORE] * len(marked[place])) for place in places]
            vectors = _vectors(self._engine, passages, self._tokenizer.pad_token_id)
            found |= {place: vectors[row, 1 : len(marked[place]) - 1] for row, place in enumerate(places)}
        return [found[place] for place in range(len(wanted))]


class DialogueReader:
    """Reads each line with those before it and keeps its words and its closing token; a line without words
    gives none."""

    def __init__(self, engine: RunnableEngine, tokenizer: Tokenizer, window: Window) -> None:
        """`engine`: of a sentence encoder of BERT's kind, adapted to reading dialogues."""
        self.context = window.utterances
        self._window = window
        self._tokenizer = LineTokenizer(tokenizer)
        self._engine = engine

    def read(self, lines: Sequence[DialogueLine], wanted: Sequence[int]) -> list[np.ndarray]:
        """See `Reader.read`."""
        tokens = self._tokenizer.tokens(lines)
        lengths = [len(line) for line in tokens]
        windows: dict[int, list[int]] = {}
        # a line changes nothing for those before it, so all that read from the same line on share a sequence
        for index in wanted:
            windows.setdefault(self._window.first(lengths, index), []).append(index)
        found: dict[int, np.ndarray] = {}
        for firsts in _batches(
            {first: sum(lengths[first : indices[-1] + 1]) for first, indices in windows.items()}
        ):
            passages = [
                pack(self._tokenizer.start, tokens[first : windows[first][-1] + 1]) for first in firsts
            ]
            vectors = _vectors(self._engine, passages, self._tokenizer.padding)
            for row, first in enumerate(firsts):
                found |= {
                    index: vectors[row, passages[row].outputs(index - first)] for index in windows[first]
                }
        return [found[index] for index in wanted]


def _vectors(engine: RunnableEngine, passages: Sequence[Passage], padding: int) -> np.ndarray:
    ids, owners = padded(passages, padding)
    return engine.run(ids=ids, owners=owners)["vectors"]


def _batches(lengths: dict[int, int]) -> Iterator[list[int]]:
    """The keys in batches of about the same length."""
    keys = sorted(lengths, key=lambda key: lengths[key])
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
