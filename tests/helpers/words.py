"""How wrong a recogniser's words are."""

import re
from collections.abc import Sequence


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: without case and punctuation."""
    return re.sub(r"[^\w' ]", "", text.lower().replace("-", " ")).split()


def word_errors(said_and_heard: Sequence[tuple[str, str]]) -> float:
    """Words that were substituted, left out or made up, as a share of those that were said."""
    pairs = [(words_of(said), words_of(heard)) for said, heard in said_and_heard]
    return sum(_edits(said, heard) for said, heard in pairs) / sum(len(said) for said, _ in pairs)


def _edits(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for count, mine in enumerate(one, 1):
        before, row[0] = row[0], count
        for index, yours in enumerate(other, 1):
            before, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, before + (mine != yours))
    return row[-1]
