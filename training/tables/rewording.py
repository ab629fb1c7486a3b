"""Measures a bundle on test lines in other words than the script's: the text is encoded anew, dialogue by dialogue.

What was said before a line is changed as the line itself is: live tracking knows no script.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from emotrack.engines.dialogue_text import Line
from emotrack.model.bundle import Bundle
from emotrack.model.errors import UserError
from emotrack.training.corpora.records import Row
from emotrack.training.dialogues import ReadDialogue, number_speakers
from emotrack.training.evaluation import TEXT, DialogueSet, measure, outcome
from emotrack.training.features.store import Store
from emotrack.training.metrics import percent
from emotrack.training.reading import read_dialogues, with_held_out
from emotrack.training.spoken.errors import error_table
from emotrack.training.spoken.heard import HeardLine
from emotrack.training.tables.measuring import TEST_SEED, held_out_by
from emotrack.training.tables.records import Reworded, Words
from emotrack.training.tables.sources import Advance, check_encoders
from emotrack.training.tables.words import FULL_STOPS, PLAIN, WRITTEN

Encode = Callable[[Sequence[Line]], list[np.ndarray]]
"""From the lines of a dialogue to the tokens float32 [n, width] of each."""


def full_stops(text: str) -> str:
    """The text with full stops for exclamation marks."""
    return text.replace("!", ".")


def plain(text: str) -> str:
    """The words in lower case without punctuation; apostrophes within words stay."""
    return " ".join(re.sub(r"[^\w\s'’]", " ", text.lower()).split())


def word_figures(bundle: Bundle, store: Store, heard: Sequence[HeardLine], encode: Encode, advance: Advance) -> Words:
    """Live labels from text alone, of the test lines as written, without marks, and as each recogniser in `heard` wrote them.

    Raises UserError where the store goes with other encoders, or a recogniser did not hear all lines.
    """
    check_encoders(bundle, store)
    store = with_held_out(store, held_out_by(bundle))
    found = {WRITTEN: _figures(bundle, read_dialogues(store, "test"))}
    advance(WRITTEN)
    for way, change in CHANGES.items():
        found[way] = _figures(bundle, reworded(store, {row: change(row.text) for row in store.rows}, encode))
        advance(way)
    for recogniser, lines in by_recogniser(store, heard).items():
        figures = _figures(bundle, reworded(store, {row: line.heard for row, line in lines.items()}, encode))
        errors = error_table(list(lines.values())).word_error_rate["all"]
        voices = sorted({line.voice for line in lines.values()})
        found[recogniser] = figures.model_copy(update={"voices": voices, "word_errors": percent(errors)})
        advance(recogniser)
    return Words(ways=found)


CHANGES: dict[str, Callable[[str], str]] = {FULL_STOPS: full_stops, PLAIN: plain}


def reworded(store: Store, words: Mapping[Row, str], encode: Encode) -> list[ReadDialogue]:
    """The test dialogues with other words for their rows, read by `encode`, and no other stream."""
    changed = []
    for dialogue, numbers in zip(read_dialogues(store, "test"), store.dialogues("test"), strict=True):
        rows = [store.rows[number] for number in numbers]
        speakers = number_speakers([row.speaker for row in rows]).tolist()
        vectors = encode([Line(speaker, words[row]) for speaker, row in zip(speakers, rows, strict=True)])
        changed.append(replace(dialogue, tokens=tuple({"text": one} if len(one) else {} for one in vectors)))
    return changed


def by_recogniser(store: Store, heard: Sequence[HeardLine]) -> Mapping[str, Mapping[Row, HeardLine]]:
    """For each recogniser the test rows as it heard them; of several voices the first one counts.

    Raises UserError where it has not heard all of them, or another text was spoken.
    """
    found: dict[str, dict[tuple[str, int], HeardLine]] = defaultdict(dict)
    for line in heard:
        if line.dataset.lower() == store.manifest.corpus and line.split == "test":
            found[line.recogniser].setdefault((line.dialogue, line.utterance), line)
    rows = [store.rows[number] for numbers in store.dialogues("test") for number in numbers]
    for recogniser, lines in found.items():
        if lacking := sum((row.dialogue, row.index) not in lines for row in rows):
            raise UserError(
                f"Of {len(rows)} test lines {lacking} were not heard by {recogniser}: "
                "go on with `python -m emotrack.training.spoken hear`."
            )
        if other := [row.name for row in rows if lines[row.dialogue, row.index].said != row.text]:
            raise UserError(f"{other[0]} was spoken as another text than the store has: have the lines of its table heard.")
    return {name: {row: lines[row.dialogue, row.index] for row in rows} for name, lines in found.items()}


def _figures(bundle: Bundle, dialogues: Sequence[ReadDialogue]) -> Reworded:
    held = DialogueSet.draw(dialogues, None, bundle.configuration.widths, TEST_SEED)
    result = outcome(bundle.network, held, TEXT)
    figures = measure(bundle.network, result.live, result.labels)
    classes = bundle.configuration.classes
    neutral = result.live.argmax(1).eq(classes.index("neutral")).float().mean().item() if "neutral" in classes else 0.0
    return Reworded(
        weighted_f1=figures.weighted_f1,
        macro_f1=figures.macro_f1,
        calibration_error=figures.calibration_error,
        neutral=percent(neutral),
        utterances=figures.utterances,
    )
