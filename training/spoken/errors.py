"""What becomes of words and punctuation between a script and a transcript, counted over lines that were
spoken and heard.

Words are compared in lower case without punctuation. A mark belongs to the word before it. Lines of which
nothing was heard are counted apart: no word of theirs was mistaken for another.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest

from pydantic import BaseModel, ConfigDict
from rapidfuzz.distance import Indel, Levenshtein

from emotrack.training.spoken.transcripts import HeardLine
from emotrack.training.spoken.voices import in_ascii

MARKS = ("!", "?", "...", ".", ",")
"""In the order in which a run of punctuation is named after one of them, "?!" aside."""
_WORD = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z]+)*")


class ErrorTable(BaseModel):
    """Counts over `lines` lines with `words` words, of which nothing was heard of `unheard_lines` lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: int
    unheard_lines: int
    words: int
    word_error_rate: dict[str, float]
    """Substitutions, deletions and insertions as a share of the words said, by voice and for "all", unheard
    lines included."""
    heard_as: dict[str, dict[str, int]]
    """For each word said, as what it was heard and how often; itself where it was heard rightly."""
    deleted: dict[str, int]
    """Words said that were not heard, in lines of which something was."""
    inserted: dict[str, int]
    """Words heard that were not said."""
    marks: dict[str, dict[str, int]]
    """For each mark after a word that was heard, as anything, the marks in its place; "" is none, said or
    written."""


Pair = tuple[int | None, int | None]
Token = tuple[str, str]
"""A word in lower case and the mark after it."""


def tokens_of(text: str) -> list[Token]:
    """The words of a text in lower case, each with the mark after it."""
    text = in_ascii(text)
    found = list(_WORD.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    return [(one[0].lower(), mark_of(text[one.end() : end])) for one, end in zip(found, ends, strict=False)]


def mark_of(between: str) -> str:
    """The mark that stands for the punctuation between two words, "" for none."""
    if "?" in between and "!" in between:
        return "?!"
    return next((mark for mark in MARKS if mark in between), "")


def align(said: Sequence[str], heard: Sequence[str]) -> list[Pair]:
    """Places of the words said and heard that go together, as many as can be being the same; None where there
    is no other.

    Between words that are the same those of one side are taken for those of the other, one by one.
    """
    pairs: list[Pair] = []
    for _, run in groupby(Indel.opcodes(said, heard), key=lambda step: step.tag == "equal"):
        first, *rest = run
        last = rest[-1] if rest else first
        pairs += zip_longest(range(first.src_start, last.src_end), range(first.dest_start, last.dest_end))
    return pairs


def error_table(lines: Sequence[HeardLine]) -> ErrorTable:
    """The counts over `lines`."""
    heard_as: dict[str, Counter[str]] = defaultdict(Counter)
    marks: dict[str, Counter[str]] = defaultdict(Counter)
    deleted: Counter[str] = Counter()
    inserted: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for line in lines:
        said, heard = tokens_of(line.said), tokens_of(line.heard)
        together = list(paired(said, heard))
        wrong = Levenshtein.distance([word for word, _ in said], [word for word, _ in heard])
        for name in (line.voice, "all"):
            errors[name] += wrong
            words[name] += len(said)
        for one, other in together if heard else ():
            if one is not None and other is not None:
                heard_as[one[0]][other[0]] += 1
                marks[one[1]][other[1]] += 1
            elif one is not None:
                deleted[one[0]] += 1
            elif other is not None:
                inserted[other[0]] += 1
    return ErrorTable(
        lines=len(lines),
        unheard_lines=sum(not tokens_of(line.heard) for line in lines),
        words=words["all"],
        word_error_rate={name: round(errors[name] / max(words[name], 1), 4) for name in sorted(words)},
        heard_as={word: dict(counts.most_common()) for word, counts in sorted(heard_as.items())},
        deleted=dict(deleted.most_common()),
        inserted=dict(inserted.most_common()),
        marks={mark: dict(counts.most_common()) for mark, counts in sorted(marks.items())},
    )


def paired(said: Sequence[Token], heard: Sequence[Token]) -> Iterator[tuple[Token | None, Token | None]]:
    """The words that go together."""
    for one, other in align([word for word, _ in said], [word for word, _ in heard]):
        yield None if one is None else said[one], None if other is None else heard[other]
