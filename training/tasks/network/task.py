"""The network as a task of the training loop: modes to one vector, and that vector in dialogue context, live
and revised."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, MODALITY_MODES, MODE_SETS, MODES
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.network import EmotionNetwork
from emotrack.training.features.store import Store, open_store
from emotrack.training.loop.losses import UNLABELLED, class_shares, class_weights
from emotrack.training.loop.task import fingerprint_of
from emotrack.training.tasks.network.data import (
    number_of,
    read_dialogue,
    read_dialogues,
    read_pool,
    trained_of,
    widths_of,
    with_held_out,
)
from emotrack.training.tasks.network.dialogues import DialogueBatch, ReadDialogue, batch_dialogues
from emotrack.training.tasks.network.evaluation import TEXT, DialogueSet, score
from emotrack.training.tasks.network.joint_fitting import fit_joint_embedding
from emotrack.training.tasks.network.matching import CANDID, MatchedPool, MatchSettings
from emotrack.training.tasks.network.objective import losses, mode_masks
from emotrack.training.tasks.network.settings import FurtherCorpus, NetworkTraining


@dataclass(frozen=True, slots=True)
class FurtherDialogues:
    """The `number`-th further corpus, its labels numbered as `classes` are; read when they are picked, for
    there may be many."""

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


def open_further(
    settings: FurtherCorpus, number: int, main: Store, configuration: NetworkConfiguration
) -> FurtherDialogues:
    """A further corpus for such a network.

    Raises `UserError` where the store is missing or damaged, was not described by the text encoder of `main`,
    or has nothing to learn or to choose by.
    """
    store, classes = open_store(settings.store), configuration.classes
    if store.manifest.modalities.get("text") != main.manifest.modalities.get("text"):
        raise UserError(
            f"The words in {settings.store} were not described by the text encoder of {main.path}: make "
            "both with the same `emotrack features --bundle`."
        )
    versions = sorted({row.version for row in store.rows})
    numbers = np.array([number_of(row.label, classes) for row in store.rows])
    train = tuple(
        tuple(rows)
        for version in versions
        for rows in store.dialogues("train", version)
        if (numbers[rows] != UNLABELLED).any()
    )
    dev = [rows for rows in store.dialogues("dev") if (numbers[rows] != UNLABELLED).any()]
    if not train or not dev:
        raise UserError(
            f"The store {settings.store} has nothing in its split {'dev' if train else 'train'} that is "
            "named as in the main one's: leave it out of `further`."
        )
    labels = numbers[[row for rows in train for row in rows]]
    read = [read_dialogue(store, rows, classes, number) for rows in dev]
    held = DialogueSet.draw(read, None, configuration.widths, 0)
    return FurtherDialogues(store, number, classes, settings.dialogues, train, labels, held)


PLACES = [
    [place for place, modality in enumerate(MODALITIES) if MODALITY_MODES[modality] == mode] for mode in MODES
]
"""Places in `MODALITIES` of each mode's modalities."""


@dataclass(frozen=True, slots=True)
class NetworkData:
    """Dialogues to learn from and those to choose by, and what to draw for the former where they have only
    text."""

    train: Sequence[tuple[ReadDialogue, ...]]
    """Every dialogue in all its versions: as written, and as recognisers write it where the store has such
    copies."""
    dev: DialogueSet
    heard: tuple[DialogueSet, ...]
    """The copies of dev."""
    shown: DialogueSet
    """Dev with voices and faces that always show the label; `dev` itself where none are drawn."""
    pool: MatchedPool | None
    further: tuple[FurtherDialogues, ...] = ()

    @property
    def every_dev(self) -> DialogueSet:
        """Dev in all its versions."""
        return DialogueSet(tuple(batch for held in (self.dev, *self.heard) for batch in held.batches))


def stores_of(settings: NetworkTraining) -> list[Store]:
    """The stores that a network learns from, that of the dialogues first."""
    further = (one.store for one in settings.further)
    return [
        open_store(path)
        for path in (settings.store, *settings.voices, settings.faces, *further)
        if path is not None
    ]


def fingerprint(settings: NetworkTraining, seed: int) -> str:
    """See `Task.fingerprint`; raises `UserError` where a store is missing or damaged."""
    return fingerprint_of(settings, seed, " ".join(one.manifest.key for one in stores_of(settings)))


DEV_SEED = 1
"""Seed of what is drawn for the dialogues of dev, the same whatever the seed of the training."""


def read_data(settings: NetworkTraining) -> tuple[NetworkData, NetworkConfiguration]:
    """The data of a training, and the network that fits it.

    Raises `UserError` where a store is missing, damaged or without labels, only one of `voices` and `faces`
    is given, or both are for dialogues that have sound or pictures of their own.
    """
    if bool(settings.voices) != (settings.faces is not None):
        raise UserError("voices and faces are drawn together: set both, or neither.")
    store = with_held_out(open_store(settings.store), settings.held_out)
    drawn = [open_store(path) for path in (*settings.voices, settings.faces) if path is not None]
    own = [modality for modality, rows in store.manifest.present.items() if rows and modality != "text"]
    if drawn and own:
        raise UserError(
            f"The dialogues in {settings.store} have {' and '.join(own)} of their own, which drawn ones "
            "would replace: add --set voices=null --set faces=null."
        )
    configuration = settings.network.model_copy(
        update={
            "widths": widths_of(store, *drawn),
            "trained": trained_of(store, *drawn),
            "classes": store.manifest.classes,
            "temperatures": (1.0,) * MODE_SETS,
        }
    )

    def pool(split: str, matching: MatchSettings = settings.matching) -> MatchedPool | None:
        return read_pool(drawn[:-1], drawn[-1], configuration.classes, split, matching) if drawn else None

    versions = sorted({row.version for row in store.rows})
    read = {
        split: [read_dialogues(store, split, version) for version in versions] for split in ("train", "dev")
    }
    for split, (dialogues, *_) in read.items():
        if not any((one.labels != UNLABELLED).any() for one in dialogues):
            raise UserError(
                f"The store {settings.store} has no labels in the split {split}: give a corpus that can be "
                "learnt from."
            )
    drawn_dev = pool("dev")
    dev, *heard = (DialogueSet.draw(one, drawn_dev, configuration.widths, DEV_SEED) for one in read["dev"])
    shown = (
        DialogueSet.draw(read["dev"][0], pool("dev", CANDID), configuration.widths, DEV_SEED)
        if drawn
        else dev
    )
    further = tuple(
        open_further(one, number, store, configuration)
        for number, one in enumerate(settings.further, start=1)
    )
    return NetworkData(
        list(zip(*read["train"], strict=True)), dev, tuple(heard), shown, pool("fusion"), further
    ), configuration


class NetworkTask:
    """See `emotrack.training.loop.task.Task`."""

    part: Literal["network"] = "network"

    def __init__(
        self,
        data: NetworkData,
        configuration: NetworkConfiguration,
        settings: NetworkTraining,
        seed: int,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        self.fingerprint = fingerprint(settings, seed)
        self.network = EmotionNetwork(configuration).to(device)
        self.steps = math.ceil(len(data.train) / settings.dialogues)
        self._data = data
        self._settings = settings
        self._device = device
        labels = np.concatenate([written.labels for written, *_ in data.train])
        self._weights = class_weights(
            labels, len(configuration.classes), settings.objective.class_balance
        ).to(device)
        every = (labels, *(one.labels for one in data.further))
        self._priors = torch.stack([class_shares(one, len(configuration.classes)) for one in every]).to(
            device
        )

    def batches(self, epoch: int) -> Iterator[tuple[DialogueBatch, Tensor, int | None]]:
        """All dialogues once in random order, the modes that each utterance may use, and the reviser's
        look-ahead."""
        random = np.random.default_rng((self.seed, epoch))
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        for batch in self._drawn(random):
            masks = mode_masks(
                available_modes(batch.utterances.present), self._settings.objective.masked, generator
            )
            yield batch, masks, self._look_ahead(random)

    def _look_ahead(self, random: np.random.Generator) -> int | None:
        """From one later utterance to as many as revise a label, or the whole dialogue: the offline labels
        are learnt too."""
        most = self.network.configuration.revisions
        drawn = int(random.integers(1, most + 2))
        return None if drawn > most else drawn

    def losses(self, batch: tuple[DialogueBatch, Tensor, int | None]) -> Mapping[str, Tensor]:
        """The objective's terms."""
        dialogues, masks, look_ahead = batch
        with torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda"):
            return losses(
                self.network,
                dialogues,
                masks,
                look_ahead,
                self._weights,
                self._priors,
                self._settings.objective,
            )

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """All parameters move alike."""
        return [{"params": list(self.network.parameters()), "lr": rate}]

    def settle(self, network: nn.Module, epoch: int) -> None:
        """Fit JE's lines on training dialogues, in the network to be scored and in the one that is trained
        on."""
        for one in {id(network): network, id(self.network): self.network}.values():
            drawn = self._drawn(np.random.default_rng((self.seed, epoch, 1)))
            chosen = (
                batch.utterances
                for _, batch in zip(range(self._settings.fitting_batches), drawn, strict=False)
            )
            assert isinstance(one, EmotionNetwork)
            fit_joint_embedding(one, chosen)

    def score(self, network: nn.Module) -> Mapping[str, float]:
        """Weighted F1 of the live labels on dev: from text alone where there is text, as written, as
        recognisers write it and on average over the further corpora, from all modalities, and the mean of
        these."""
        assert isinstance(network, EmotionNetwork)
        trained = network.configuration.trained
        figures = {}
        if "text" in trained:
            figures["text"] = score(network, self._data.dev, TEXT)
            if self._data.heard:
                figures["heard"] = float(np.mean([score(network, held, TEXT) for held in self._data.heard]))
            if self._data.further:
                figures["elsewhere"] = float(
                    np.mean([score(network, one.dev, TEXT) for one in self._data.further])
                )
        if trained != ("text",):
            figures["all"] = score(network, self._data.dev, trained)
        return figures | {"score": float(np.mean(list(figures.values())))}

    def _drawn(self, random: np.random.Generator) -> Iterator[DialogueBatch]:
        order = random.permutation(len(self._data.train))
        for chosen in np.array_split(order, self.steps):
            together = [self._version(self._data.train[index], random) for index in chosen]
            together += [dialogue for further in self._data.further for dialogue in further.pick(random)]
            cut = [one.cut(self._settings.longest_text) for one in together]
            yield batch_dialogues(cut, self._data.pool, self.network.configuration.widths, random).to(
                self._device
            )

    def _version(self, dialogue: Sequence[ReadDialogue], random: np.random.Generator) -> ReadDialogue:
        """Half of the time as written, else as some recogniser writes it."""
        written, *heard = dialogue
        return heard[int(random.integers(len(heard)))] if heard and random.random() < 0.5 else written


def available_modes(present: Tensor) -> Tensor:
    """Which modes have a modality, bool [n, 3], from which modalities are there, bool [n, 4]."""
    return torch.stack([present[:, places].any(1) for places in PLACES], 1)
