"""Dialogues of one corpus that share sentences with another's: EmoryNLP and MELD both come from Friends."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from emotrack.training.corpora.dialogue_table import COLUMNS, Dialogue, read_dialogues, read_table
from emotrack.training.corpora.records import Corpus, Skipped
from emotrack.training.corpora.tables import read_table_rows

WORDS = 5
"""Words that a sentence must have for its coming twice to mean that the scene is the same."""
_SENTENCE_END = re.compile(r"[.!?…]+|\n|--+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def shared_dialogues(candidates: Sequence[Dialogue], held_out: Sequence[Dialogue]) -> set[tuple[str, str]]:
    """Split and number of the `candidates` in which a sentence of at least `WORDS` words is also said in `held_out`.

    Case, punctuation and the shape of apostrophes make no difference. Leave these dialogues out of training.
    """
    known = set(_sentences(held_out))
    return {(one.split, one.number) for one in candidates if not known.isdisjoint(_sentences([one]))}


def read_emorynlp(table: Path) -> Corpus:
    """EmoryNLP without the dialogues that share sentences with those that MELD has in another split, where the table has MELD too.

    Who learns from both is judged and tested on nothing of it. Raises `UserError` where it is not such a table.
    """
    corpus = read_table(table, "emorynlp")
    if all(row["dataset"] != "MELD" for row in read_table_rows(table, COLUMNS)):
        return corpus
    candidates, known = read_dialogues(table, "EmoryNLP"), read_dialogues(table, "MELD")
    shared = set[tuple[str, str]]()
    for split in dict.fromkeys(one.split for one in candidates):
        here = [one for one in candidates if one.split == split]
        shared |= shared_dialogues(here, [one for one in known if one.split != split])
    kept = tuple(one for one in corpus.utterances if (one.row.split, one.row.dialogue) not in shared)
    left_out = Skipped(f"{len(shared)} dialogues", "MELD has sentences of them in another split")
    return replace(corpus, utterances=kept, skipped=(left_out,) if shared else ())


def _sentences(dialogues: Iterable[Dialogue]) -> Iterable[tuple[str, ...]]:
    for dialogue in dialogues:
        for line in dialogue.lines:
            for sentence in _SENTENCE_END.split(line.text.lower().replace("’", "'")):
                found = tuple(_WORD.findall(sentence))
                if len(found) >= WORDS:
                    yield found
