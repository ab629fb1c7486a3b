"""What the network learns from: dialogues with the tokens of every modality, in batches, and voices and faces
to draw for them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, Modality
from emotrack.model.configuration import ModalityWidths
from emotrack.training.corpora.iemocap import folds
from emotrack.training.corpora.records import number_speakers
from emotrack.training.features.store import Store
from emotrack.training.loop.losses import UNLABELLED
from emotrack.training.tasks.network.dialogues import ReadDialogue
from emotrack.training.tasks.network.matching import MatchedPool, MatchSettings

RENAMED = {
    "calm": "neutral",
    "happiness": "joy",
    "joyful": "joy",
    "mad": "anger",
    "sad": "sadness",
    "scared": "fear",
}
"""What RAVDESS, FER+, DailyDialog and EmoryNLP name otherwise than MELD; contempt, peaceful and powerful have
no counterpart."""


def read_dialogues(
    store: Store, split: str, version: int = 0, classes: Sequence[str] | None = None
) -> list[ReadDialogue]:
    """The dialogues of one split in one version; labels are numbered as the store's classes are, or as
    `classes` are."""
    return [
        read_dialogue(store, rows, classes or store.manifest.classes)
        for rows in store.dialogues(split, version)
    ]


def read_dialogue(store: Store, rows: Sequence[int], classes: Sequence[str], corpus: int = 0) -> ReadDialogue:
    """The rows as one dialogue."""
    return ReadDialogue(
        tokens=tuple(
            {modality: values.astype(np.float32) for modality, values in store.tokens(row).items()}
            for row in rows
        ),
        labels=np.array([number_of(store.rows[row].label, classes) for row in rows]),
        speakers=number_speakers([store.rows[row].speaker for row in rows]),
        corpus=corpus,
    )


def number_of(label: str | None, classes: Sequence[str]) -> int:
    """The place of a label among `classes`, by their name of it; `UNLABELLED` where they have none."""
    name = label if label in classes else RENAMED.get(label or "")
    return classes.index(name) if name in classes else UNLABELLED


def with_held_out(store: Store, session: int | None) -> Store:
    """The store with another session of IEMOCAP as "test"; itself where `session` is None.

    Raises `UserError` where it is of another corpus.
    """
    if session is None:
        return store
    if store.manifest.corpus != "iemocap":
        raise UserError(
            f"Only iemocap is cut into folds by its sessions, not {store.manifest.corpus}: leave held_out "
            "out."
        )
    splits = folds((row.dialogue for row in store.rows), session)
    return Store(store.path, store.manifest, [replace(row, split=splits[row.dialogue]) for row in store.rows])


def read_pool(
    voices: Sequence[Store], faces: Store, classes: tuple[str, ...], split: str, settings: MatchSettings
) -> MatchedPool:
    """Voices and faces of one split by class, with all the copies that the stores hold of them.

    Raises `UserError` where a class has no voice or no face to draw from.
    """
    spoken: list[dict[str, list[np.ndarray]]] = [{} for _ in classes]
    shown: list[list[np.ndarray]] = [[] for _ in classes]
    for store in voices:
        for number, speaker, tokens in of_classes(store, "audio", split, classes):
            spoken[number].setdefault(f"{store.manifest.corpus} {speaker}", []).append(tokens)
    for number, _, tokens in of_classes(faces, "face", split, classes):
        shown[number].append(tokens)
    for name, clips, pictures in zip(classes, spoken, shown, strict=True):
        if not clips or not pictures:
            raise UserError(
                f"There is no {'face' if clips else 'voice'} of {name} to draw from: make features of the "
                "whole corpora."
            )
    return MatchedPool(
        voices=dict(enumerate(spoken)),
        faces={number: np.concatenate(pictures) for number, pictures in enumerate(shown)},
        settings=settings,
    )


def of_classes(
    store: Store, modality: Modality, split: str, classes: tuple[str, ...]
) -> Iterator[tuple[int, str, NDArray[np.float32]]]:
    """Class, person and tokens of the rows of one split."""
    for index, row in enumerate(store.rows):
        number = number_of(row.label, classes)
        if row.split == split and number != UNLABELLED:
            tokens = store.tokens(index).get(modality)
            if tokens is not None:
                yield number, row.speaker, tokens.astype(np.float32)


def widths_of(store: Store, *others: Store) -> ModalityWidths:
    """Widths of the modalities that the stores describe; the rest keep their defaults."""
    return ModalityWidths(
        **{
            modality: note.width
            for one in (*others, store)
            for modality, note in one.manifest.modalities.items()
        }
    )


def trained_of(store: Store, *others: Store) -> tuple[Modality, ...]:
    """The modalities that any row of the stores has."""
    return tuple(
        modality
        for modality in MODALITIES
        if any(one.manifest.present.get(modality) for one in (store, *others))
    )
