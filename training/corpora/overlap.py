"""Dialogues of one corpus that share sentences with another's test material: EmoryNLP and MELD both come from Friends."""

import re
from collections.abc import Iterable, Sequence

from emotrack.training.corpora.dialogue_table import Dialogue

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


def _sentences(dialogues: Iterable[Dialogue]) -> Iterable[tuple[str, ...]]:
    for dialogue in dialogues:
        for line in dialogue.lines:
            for sentence in _SENTENCE_END.split(line.text.lower().replace("’", "'")):
                found = tuple(_WORD.findall(sentence))
                if len(found) >= WORDS:
                    yield found
