"""Tiny stores of features that the network can learn from: every token tells the label of its utterance, with
some noise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emotrack.modalities import Modality
from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.corpora.records import CorpusRow
from helpers.learning.corpora import write_store_of

WIDTH = 8
TINY: dict[str, Any] = {
    "width": 16,
    "unimodal_hidden": 8,
    "layers": 1,
    "heads": 2,
    "context_hidden": 8,
    "window": 4,
    "revisions": 2,
}
"""A network that learns from such stores in no time."""
PEOPLE = {"ravdess": {"fusion": 1, "dev": 1}, "ferplus": {"fusion": 3, "dev": 3}}
"""How many voices and faces of each class there are in each split."""


def token(label: int, random: np.random.Generator, count: int = 2) -> np.ndarray:
    """Tokens [count, WIDTH] of one utterance."""
    found: np.ndarray = random.normal(size=(count, WIDTH)) * 0.2 + 2 * np.eye(WIDTH)[label]
    return found.astype(np.float32)


def write_talk(
    path: Path,
    splits: Mapping[str, int],
    modalities: Sequence[Modality] = ("text",),
    labels: Sequence[str | None] = MELD_CLASSES,
    seed: int = 0,
    copies: int = 0,
    **options: Any,
) -> Path:
    """A store of short dialogues, so many of each split, whose utterances have all of `modalities`; in the
    tokens' last number the k-th copy has 10 k more."""
    random = np.random.default_rng(seed)
    rows, tokens = [], []
    for split, count in splits.items():
        for dialogue in range(count):
            for index in range(int(random.integers(2, 6))):
                label = labels[int(random.integers(len(labels)))]
                number = MELD_CLASSES.index(label) if label in MELD_CLASSES else 7
                name = f"{split}/{dialogue}/{index}"
                rows.append(
                    CorpusRow(
                        name=name,
                        dialogue=f"{split}/{dialogue}",
                        index=index,
                        split=split,
                        speaker=f"{index % 2}",
                        label=label,
                    )
                )
                tokens.append({modality: token(number, random) for modality in modalities})
    originals = list(zip(rows, tokens, strict=True))
    for version in range(1, copies + 1):
        for row, of in originals:
            rows.append(replace(row, version=version))
            tokens.append(
                {
                    modality: values + 10 * version * np.eye(WIDTH, dtype=np.float32)[-1]
                    for modality, values in of.items()
                }
            )
    return write_store_of(path, rows, tokens, MELD_CLASSES, **options)


def write_people(path: Path, corpus: str, modality: Modality, seed: int = 0, **options: Any) -> Path:
    """A store of voices or faces of every class."""
    random = np.random.default_rng(seed)
    rows, tokens = [], []
    for split, count in PEOPLE[corpus].items():
        for number, label in enumerate(MELD_CLASSES):
            for index in range(count):
                name = f"{split}/{label}/{index}"
                rows.append(
                    CorpusRow(name=name, dialogue=name, index=0, split=split, speaker="", label=label)
                )
                tokens.append({modality: token(number, random, 1)})
    return write_store_of(path, rows, tokens, MELD_CLASSES, corpus=corpus, **options)


def write_stores(folder: Path) -> dict[str, str]:
    """Dialogues of text, voices and faces; the settings that name them."""
    return {
        "store": str(write_talk(folder / "talk", {"train": 8, "dev": 4})),
        "voices": str(write_people(folder / "voices", "ravdess", "audio")),
        "faces": str(write_people(folder / "faces", "ferplus", "face")),
    }
