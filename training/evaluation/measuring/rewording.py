"""Measures a bundle on test lines in other words than the script's: the text is encoded anew, dialogue by
dialogue.

What was said before a line is changed as the line itself is: live tracking knows no script.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from emotrack.engines.networks.passages import DialogueLine
from emotrack.errors import UserError
from emotrack.model.bundle import Bundle
from emotrack.training.corpora.records import CorpusRow, number_speakers
from emotrack.training.evaluation.measuring.labels import TEST_SEED, held_out_by
from emotrack.training.evaluation.records import Reworded, WordFigures
from emotrack.training.evaluation.sources import Advance, check_encoders
from emotrack.training.evaluation.tables.robustness import FULL_STOPS, PLAIN, WRITTEN
from emotrack.training.features.store import Store
from emotrack.training.loop.metrics import percent
from emotrack.training.spoken.errors import error_table
from emotrack.training.spoken.transcripts import HeardLine
from emotrack.training.tasks.network.data import read_dialogues, with_held_out
from emotrack.training.tasks.network.dialogues import ReadDialogue
from emotrack.training.tasks.network.evaluation import TEXT, DialogueSet, measure, outcome

Encode = Callable[[Sequence[DialogueLine]], list[np.ndarray]]
"""From the lines of a dialogue to the tokens float32 [n, width] of each."""


def full_stops(text: str) -> str:
    """The text with full stops for exclamation marks."""
    return text.replace("!", ".")


def plain(text: str) -> str:
    """The words in lower case without punctuation; apostrophes within words stay."""
    return " ".join(re.sub(r"[^\w\s'’]", " ", text.lower()).split())


def word_figures(
    bundle: Bundle, store: Store, heard: Sequence[HeardLine], encode: Encode, advance: Advance
) -> WordFigures:
    """Live labels from text alone, of the test lines as written, without marks, and as each recogniser in
    `heard` wrote them, of which only the dialogues count that it heard whole.

    Raises UserError where the store goes with other encoders, or a recogniser heard other lines.
    """
    check_encoders(bundle, store)
    store = with_held_out(store, held_out_by(bundle))
    written = read_dialogues(store, "test")
    found = {WRITTEN: _figures(bundle, written)}
    advance(WRITTEN)
    for way, change in CHANGES.items():
        words = {row: change(row.text) for row in store.rows}
        found[way] = _figures(bundle, [one for one in reworded(store, words, encode) if one is not None])
        advance(way)
    for recogniser, lines in by_recogniser(store, heard).items():
        changed = reworded(store, {row: line.heard for row, line in lines.items()}, encode)
        kept = [(one, other) for one, other in zip(changed, written, strict=True) if one is not None]
        if kept:
            figures = _figures(bundle, [one for one, _ in kept])
            told: dict[str, Any] = {
                "voices": sorted({line.voice for line in lines.values()}),
                "word_errors": percent(error_table(list(lines.values())).word_error_rate["all"]),
                "written": _figures(bundle, [other for _, other in kept]).weighted_f1,
            }
            found[recogniser] = figures.model_copy(update=told)
        advance(recogniser)
    return WordFigures(ways=found)


CHANGES: dict[str, Callable[[str], str]] = {FULL_STOPS: full_stops, PLAIN: plain}


def reworded(store: Store, words: Mapping[CorpusRow, str], encode: Encode) -> list[ReadDialogue | None]:
    """The test dialogues with other words for their rows, read by `encode`, and no other stream; None without
    words for all."""
    changed: list[ReadDialogue | None] = []
    for dialogue, numbers in zip(read_dialogues(store, "test"), store.dialogues("test"), strict=True):
        rows = [store.rows[number] for number in numbers]
        if any(row not in words for row in rows):
            changed.append(None)
            continue
        speakers = number_speakers([row.speaker for row in rows]).tolist()
        vectors = encode(
            [DialogueLine(speaker, words[row]) for speaker, row in zip(speakers, rows, strict=True)]
        )
        changed.append(replace(dialogue, tokens=tuple({"text": one} if len(one) else {} for one in vectors)))
    return changed


def by_recogniser(store: Store, heard: Sequence[HeardLine]) -> Mapping[str, Mapping[CorpusRow, HeardLine]]:
    """For each recogniser the test rows as it heard them; of several voices the first one counts.

    Raises UserError where another text was spoken.
    """
    rows = [store.rows[number] for numbers in store.dialogues("test") for number in numbers]
    found: dict[str, dict[CorpusRow, HeardLine]] = defaultdict(dict)
    of = {(row.dialogue, row.index): row for row in rows}
    for line in heard:
        row = of.get((line.dialogue, line.utterance))
        if row is None or line.dataset.lower() != store.manifest.corpus or line.split != "test":
            continue
        if line.said != row.text:
            raise UserError(
                f"{row.name} was spoken as another text than the store has: have the lines of its table "
                "heard."
            )
        found[line.recogniser].setdefault(row, line)
    return found


def _figures(bundle: Bundle, dialogues: Sequence[ReadDialogue]) -> Reworded:
    held = DialogueSet.draw(dialogues, None, bundle.configuration.widths, TEST_SEED)
    result = outcome(bundle.network, held, TEXT)
    figures = measure(bundle.network, result.live, result)
    classes = bundle.configuration.classes
    neutral = (
        result.live.argmax(1).eq(classes.index("neutral")).float().mean().item()
        if "neutral" in classes
        else 0.0
    )
    return Reworded(
        weighted_f1=figures.weighted_f1,
        macro_f1=figures.macro_f1,
        calibration_error=figures.calibration_error,
        neutral=percent(neutral),
        utterances=figures.utterances,
    )
