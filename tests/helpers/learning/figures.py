"""Made-up figures of a bundle: the metrics of three seeds, consistent with each other, as an evaluation would
give them."""

from typing import Any

import numpy as np

from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.evaluation.evaluated import SUBSETS
from emotrack.training.evaluation.experiments import MEMORY, VARIANTS
from emotrack.training.evaluation.measuring.bootstrap import Paired, difference
from emotrack.training.evaluation.records import (
    AbsentModes,
    Affect,
    Alone,
    BesideWords,
    Brief,
    DialogueFigures,
    DrawnFigures,
    Elsewhere,
    FaceFigures,
    Halfway,
    Measured,
    MosiFigures,
    OneMode,
    OtherWords,
    Reworded,
    Variant,
    VoiceFigures,
    Weights,
    WordFigures,
)
from emotrack.training.evaluation.tables.robustness import CASES, FULL_STOPS, PLAIN, WRITTEN
from emotrack.training.loop.metrics import Figures, figures


def guesses(right: float, seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [n, 7] that name a share `right` of labels int [n] correctly."""
    random = np.random.default_rng(seed)
    labels = random.integers(len(MELD_CLASSES), size=count)
    named = np.where(random.random(count) < right, labels, random.integers(len(MELD_CLASSES), size=count))
    return np.eye(len(MELD_CLASSES))[named] * 0.5 + 0.5 / len(MELD_CLASSES), labels


def made_up(right: float, seed: int) -> Figures:
    """Figures of such guesses."""
    return figures(*guesses(right, seed), MELD_CLASSES)


def brief(value: float) -> Brief:
    """A row whose weighted F1 is `value`."""
    return Brief(weighted_f1=value, macro_f1=value - 10, accuracy=value + 1)


def subsets(seed: int) -> dict[str, AbsentModes]:
    """Every subset: zero-fill worst, JE a tenth above masked fusion."""
    return {
        name: AbsentModes(
            zero=brief(50 + place + seed), masked=brief(55 + place + seed), joint=brief(55.1 + place + seed)
        )
        for place, name in enumerate(SUBSETS)
    }


def measured(seed: int, matched: bool = True) -> Measured:
    """One seed."""
    better, labels = guesses(0.65, 0)
    worse, _ = guesses(0.6, 0)
    pair = Paired(worse.argmax(1), better.argmax(1), labels, np.arange(len(labels)) // 10)
    kinds = ("live", "revised+1", "revised+2", "revised+4")
    return Measured(
        bundle=f"bundle{seed}",
        seed=seed,
        dialogues=DialogueFigures(
            modalities=["text"],
            corpus="meld",
            split="test",
            dialogues=40,
            live=made_up(0.6, seed),
            revised={1: made_up(0.6, seed), 2: made_up(0.62, seed), 4: made_up(0.63, seed)},
            offline=made_up(0.65, seed),
            taxes={kind: difference(pair, len(MELD_CLASSES)) for kind in kinds},
        ),
        matched=subsets(seed) if matched else None,
        words=words(seed),
        drawn=drawn(seed),
        alone=alone(seed),
        elsewhere=elsewhere(seed),
    )


def alone(seed: int) -> Alone:
    """Ordinary speech."""
    people = {"1": 80.0 + seed, "2": 90.0, "3": 95.0}
    found = OneMode(
        clips=9, own={"neutral": 99}, whole={"neutral": 93 + seed}, calibration_error=0.04, people=people
    )
    return Alone(corpora={"ordinary": found})


def elsewhere(seed: int) -> Elsewhere:
    """Scripts of EmoryNLP, and sentences."""
    labels = {"emorynlp": OtherWords(utterances=100, weighted_f1=46 + seed, macro_f1=40, neutral=50)}
    return Elsewhere(
        labels=labels, affect={"valence": Affect(correlation=0.5, error=0.1 * seed, constant=0.2)}
    )


def words(seed: int) -> WordFigures:
    """Worse from way to way; one recogniser has heard the lines."""
    ways = {
        way: Reworded(
            weighted_f1=60 - 5 * place + seed, macro_f1=40, calibration_error=0.05, neutral=60, utterances=400
        )
        for place, way in enumerate((WRITTEN, FULL_STOPS, PLAIN, "whisper-tiny.en"))
    }
    heard = ways["whisper-tiny.en"].model_copy(
        update={"voices": ["joe", "slt"], "word_errors": 9.5, "written": 61.0}
    )
    return WordFigures(ways=ways | {"whisper-tiny.en": heard})


def drawn(seed: int) -> DrawnFigures:
    """Worse from case to case."""
    cases = {
        case: BesideWords(weighted_f1=66 - place + seed, macro_f1=40, calibration_error=0.05, joy=20, kept=96)
        for place, case in enumerate(CASES)
    }
    weights = Weights(utterances=90, correlation=0.6 + 0.1 * seed, top=80, deviation=0.2)
    return DrawnFigures(utterances=400, clear=25, cases=cases, weights=weights)


def mosi_figures() -> MosiFigures:
    """Experiments with three seeds."""
    seeds = [1, 2, 3]
    return MosiFigures(
        seeds=seeds,
        utterances=752,
        variants={
            name: Variant(
                all=[brief(75 + 0.3 * place + 0.1 * seed) for seed in seeds],
                subsets={one: [subsets(seed)[one] for seed in seeds] for one in SUBSETS}
                if name == "full"
                else {},
                halfway={
                    "T": [Halfway(masked=brief(57), line=brief(57), joint=brief(58 + seed)) for seed in seeds]
                }
                if name == MEMORY
                else {},
            )
            for place, name in enumerate(VARIANTS)
        },
        linear={name: brief(70) for name in SUBSETS},
    )


def metrics() -> dict[str, Any]:
    """All that a bundle keeps, as plain data."""
    part = {
        "settings": {},
        "seed": 2,
        "epochs": 8,
        "best_epoch": 6,
        "dev": {"score": 61.0},
        "seconds": 600,
        "hardware": "x86_64, cpu, 1 threads",
    }
    recalls = {name: 60.0 for name in MELD_CLASSES}
    voice = VoiceFigures(
        accuracy=64.0, clips=240, by_sex={"female": 68.0, "male": 60.0}, recall_by_class=recalls,
        emodb=45.0, emodb_clips=454, emodb_recall_by_class={"anger": 70.0},
    )  # fmt: skip
    face = FaceFigures(
        accuracy=88.1, pictures=3130, recall_by_class=recalls, parameters=900_000, milliseconds=3.1
    )
    return {
        "trained": ["text", "audio", "face"],
        "seeds": [measured(seed).model_dump(mode="json") for seed in (1, 2, 3)],
        "mosi": mosi_figures().model_dump(mode="json"),
        "encoders": {
            "voice": voice.model_dump(),
            "voice_folds": [70.0, 72.0, 74.0, 73.0, 71.5],
            "face": face.model_dump(),
        },
        "training": {name: part for name in ("network", "voice", "face")},
        "dev": {
            "weighted_f1": 61.0,
            "weighted_f1_lost_when_shuffled": {"text": 20.0, "audio": 1.0},
            "reliance": [0.1] * 9,
            "temperatures": [1.2] * 8,
        },
        "matching": {
            "voice": {"label": 0.3, "nothing": 0.3},
            "face": {"label": 0.35, "nothing": 0.4},
            "pictures": 0.7,
        },
    }
