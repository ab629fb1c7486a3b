"""Measures labels, valence and arousal of words from other places than MELD."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from emotrack.modalities import Modality
from emotrack.model.bundle import Bundle
from emotrack.model.formats import COORDINATES, valence_and_arousal
from emotrack.training.evaluation.measuring.labels import TEST_SEED
from emotrack.training.evaluation.records import Affect, Elsewhere, OtherWords
from emotrack.training.evaluation.sources import Advance, check_encoders
from emotrack.training.evaluation.tables.robustness import AFFECT, WORDS
from emotrack.training.features.store import Store
from emotrack.training.loop.losses import UNLABELLED
from emotrack.training.loop.metrics import percent
from emotrack.training.tasks.network.data import number_of, read_dialogues
from emotrack.training.tasks.network.dialogues import ReadDialogue
from emotrack.training.tasks.network.evaluation import DialogueSet, measure, outcome

NEUTRAL = "neutral"
TEXT: tuple[Modality, ...] = ("text",)


def elsewhere_figures(bundle: Bundle, stores: Mapping[str, Store], advance: Advance) -> Elsewhere:
    """Live labels from text alone of those corpora that there is a store of.

    Raises UserError where a store was made by another text encoder than the bundle's.
    """
    labels, affect = {}, {}
    for name in WORDS:
        if name in stores:
            check_encoders(bundle, stores[name])
            if name == AFFECT:
                affect = _affect(bundle, stores[name])
            elif any(
                number_of(label, bundle.configuration.classes) >= 0 for label in stores[name].manifest.classes
            ):
                labels[name] = _labels(bundle, stores[name])
        advance(f"{name}, words")
    return Elsewhere(labels=labels, affect=affect)


def _labels(bundle: Bundle, store: Store) -> OtherWords:
    classes = bundle.configuration.classes
    test = [one for one in read_dialogues(store, "test", classes=classes) if (one.labels != UNLABELLED).any()]
    result = outcome(
        bundle.network, DialogueSet.draw(test, None, bundle.configuration.widths, TEST_SEED), TEXT
    )
    found = measure(bundle.network, result.live, result)
    named = np.array(found.confusion).sum(0)
    known = {number_of(label, classes) for label in store.manifest.classes}
    shared = [name for number, name in enumerate(classes) if number in known]
    return OtherWords(
        utterances=found.utterances,
        weighted_f1=found.weighted_f1,
        macro_f1=percent(np.mean([found.by_class[name].f1 for name in shared]) / 100),
        neutral=percent(named[classes.index(NEUTRAL)] / named.sum()) if NEUTRAL in classes else 0.0,
    )


def _affect(bundle: Bundle, store: Store) -> dict[str, Affect]:
    if not set(bundle.configuration.classes) <= COORDINATES.keys():
        return {}
    test = [
        ReadDialogue(one.tokens, np.array([number]), one.speakers)  # no label, but which sentence it is
        for number, one in enumerate(read_dialogues(store, "test"))
    ]
    result = outcome(
        bundle.network, DialogueSet.draw(test, None, bundle.configuration.widths, TEST_SEED), TEXT
    )
    rows = [store.rows[index] for (index,) in store.dialogues("test")]
    rated = np.array([(row.valence, row.arousal) for row in rows], np.float64)[result.labels.numpy()]
    probabilities = bundle.network.probabilities(result.live, result.modes).tolist()
    classes = bundle.configuration.classes
    told = np.array(
        [valence_and_arousal(dict(zip(classes, shares, strict=True))) for shares in probabilities], np.float64
    )
    return {
        axis: _agreement(told[:, place], rated[:, place]) for place, axis in enumerate(("valence", "arousal"))
    }


def _agreement(told: NDArray[np.float64], rated: NDArray[np.float64]) -> Affect:
    return Affect(
        correlation=round(float(np.corrcoef(told, rated)[0, 1]), 3),
        error=round(float(np.abs(told - rated).mean()), 3),
        constant=round(float(np.abs(rated - rated.mean()).mean()), 3),
    )
