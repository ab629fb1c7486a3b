"""How wrong a recogniser's words are."""

import re
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: without case and punctuation."""
    return re.sub(r"[^\w' ]", "", text.lower().replace("-", " ")).split()


def word_errors(said_and_heard: Sequence[tuple[str, str]]) -> float:
    """Words that were substituted, left out or made up, as a share of those that were said."""
    pairs = [(words_of(said), words_of(heard)) for said, heard in said_and_heard]
    return sum(Levenshtein.distance(said, heard) for said, heard in pairs) / sum(
        len(said) for said, _ in pairs
    )
