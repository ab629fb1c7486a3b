"""Dialogues of other corpora that the network learns words from, a few in each batch of the main ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.errors import UserError
from emotrack.training.corpora.dialogue_table import Dialogue, Line
from emotrack.training.corpora.overlap import shared_dialogues
from emotrack.training.dialogues import ReadDialogue
from emotrack.training.evaluation import DialogueSet
from emotrack.training.features.store import Store, open_store
from emotrack.training.losses import UNLABELLED
from emotrack.training.network_settings import Further
from emotrack.training.reading import number_of, read_dialogue


@dataclass(frozen=True, slots=True)
class FurtherDialogues:
    """The `number`-th further corpus, its labels numbered as `classes` are; read when they are picked, for there may be many."""

    store: Store
    number: int
    classes: tuple[str, ...]
    together: int
    """Dialogues in a batch."""
    train: tuple[tuple[int, ...], ...]
    """Rows of every dialogue, copies as dialogues of their own."""
    labels: NDArray[np.int64]
    """Of all of these."""
    dev: DialogueSet

    def pick(self, random: np.random.Generator) -> list[ReadDialogue]:
        """As many dialogues as belong into a batch."""
        chosen = random.choice(len(self.train), min(self.together, len(self.train)), replace=False)
        return [read_dialogue(self.store, self.train[index], self.classes, self.number) for index in chosen]


def open_further(settings: Further, number: int, main: Store, configuration: NetworkConfiguration) -> FurtherDialogues:
    """A further corpus for such a network, without the dialogues that share sentences with dev or test of `main`.

    Raises `UserError` where the store is missing or damaged, or has nothing to learn or to choose by.
    """
    store, classes = open_store(settings.store), configuration.classes
    versions = sorted({row.version for row in store.rows})
    numbers = np.array([number_of(row.label, classes) for row in store.rows])
    told = [_told(main, rows) for split in ("dev", "test") for rows in main.dialogues(split)]
    shared = shared_dialogues([_told(store, rows) for rows in store.dialogues("train")], told)
    train = tuple(
        tuple(rows)
        for version in versions
        for rows in store.dialogues("train", version)
        if ("train", store.rows[rows[0]].dialogue) not in shared and (numbers[rows] != UNLABELLED).any()
    )
    dev = [rows for rows in store.dialogues("dev") if (numbers[rows] != UNLABELLED).any()]
    if not train or not dev:
        raise UserError(
            f"The store {settings.store} has nothing in its split {'dev' if train else 'train'} that is named as in the main "
            "one's: leave it out of `further`."
        )
    labels = numbers[[row for rows in train for row in rows]]
    read = [read_dialogue(store, rows, classes, number) for rows in dev]
    held = DialogueSet.draw(read, None, configuration.widths, 0)
    return FurtherDialogues(store, number, classes, settings.dialogues, train, labels, held)


def _told(store: Store, rows: Sequence[int]) -> Dialogue:
    found = [store.rows[row] for row in rows]
    return Dialogue(found[0].split, found[0].dialogue, tuple(Line(row.speaker, row.text, "") for row in found))
