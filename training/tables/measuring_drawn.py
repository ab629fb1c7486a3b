"""Measures what fusion makes of faces and voices that say less, or other things, than the words do."""

import numpy as np

from emotrack.model.bundle import Bundle
from emotrack.training.drawn import beside_words, cases_of, read_repertoire
from emotrack.training.evaluation import DialogueSet, Outcome, measure, outcome
from emotrack.training.features.store import Store
from emotrack.training.metrics import percent
from emotrack.training.reading import read_dialogues
from emotrack.training.tables.drawn import BOTH_DRAWN, CLEAR, NEGATIVE, NOTHING
from emotrack.training.tables.measuring import TEST_SEED
from emotrack.training.tables.measuring_weights import weight_figures
from emotrack.training.tables.records import BesideWords, Drawn
from emotrack.training.tables.sources import Advance, check_encoders


def drawn_figures(
    bundle: Bundle, dialogues: Store, voices: Store | None, faces: Store, ordinary: Store | None, advance: Advance
) -> Drawn:
    """Live labels of the test dialogues with every case of `drawn.cases_of` that the stores have something for.

    Raises UserError where a store was made by other encoders than the bundle's.
    """
    for store in (dialogues, voices, faces, ordinary):
        if store is not None:
            check_encoders(bundle, store)
    classes, repertoire = bundle.configuration.classes, read_repertoire(voices, faces, ordinary)
    read, found = read_dialogues(dialogues, "test"), dict[str, BesideWords]()
    clear, weights = np.zeros(0, bool), None
    for name, case in cases_of(classes).items():
        changed = beside_words(read, classes, case, repertoire, TEST_SEED)
        if changed is not None:
            held = DialogueSet.draw(changed, None, bundle.configuration.widths, TEST_SEED)
            result = outcome(bundle.network, held, bundle.configuration.trained)
            if name == NOTHING:
                clear = clear_negatives(bundle, result)
            found[name] = _figures(bundle, result, clear)
            if name == BOTH_DRAWN:
                weights = weight_figures(bundle, changed)
        advance(name)
    return Drawn(utterances=len(clear), clear=int(clear.sum()), cases=found, weights=weights)


def probabilities_of(bundle: Bundle, result: Outcome) -> np.ndarray:
    """The calibrated probabilities [n, c] of the live labels."""
    return bundle.network.probabilities(result.live, result.modes).numpy()


def clear_negatives(bundle: Bundle, words: Outcome) -> np.ndarray:
    """Which lines are clear and negative, bool [n]: their label is sadness, anger, fear or disgust, and from the words alone it is
    named live with a probability of at least `CLEAR`."""
    classes, labels = bundle.configuration.classes, words.labels.numpy()
    probabilities = probabilities_of(bundle, words)
    negative = np.isin(labels, [classes.index(name) for name in NEGATIVE if name in classes])
    return negative & (probabilities.argmax(1) == labels) & (probabilities.max(1) >= CLEAR)


def _figures(bundle: Bundle, result: Outcome, clear: np.ndarray) -> BesideWords:
    figures = measure(bundle.network, result.live, result)
    named, labels = result.live.argmax(1).numpy(), result.labels.numpy()
    kept = (named == labels)[clear]
    return BesideWords(
        weighted_f1=figures.weighted_f1,
        macro_f1=figures.macro_f1,
        calibration_error=figures.calibration_error,
        joy=percent((named == bundle.configuration.classes.index("joy")).mean()),
        kept=percent(kept.mean()) if len(kept) else 0.0,
    )
