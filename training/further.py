"""Dialogues of other corpora that the network learns words from, a few in each batch of the main ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.errors import UserError
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
    """A further corpus for such a network.

    Raises `UserError` where the store is missing or damaged, was not described by the text encoder of `main`, or has nothing to
    learn or to choose by.
    """
    store, classes = open_store(settings.store), configuration.classes
    if store.manifest.streams.get("text") != main.manifest.streams.get("text"):
        raise UserError(
            f"The words in {settings.store} were not described by the text encoder of {main.path}: make both with the same "
            "`emotrack features --bundle`."
        )
    versions = sorted({row.version for row in store.rows})
    numbers = np.array([number_of(row.label, classes) for row in store.rows])
    train = tuple(
        tuple(rows) for version in versions for rows in store.dialogues("train", version) if (numbers[rows] != UNLABELLED).any()
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
