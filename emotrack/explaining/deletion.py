"""Whether a ranking of parts holds: without the parts ranked first the label must lose more than without
random ones."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from emotrack.errors import UserError
from emotrack.explaining.contributions import Contribution, Explainer, LiveHead
from emotrack.explaining.parts import Kind, UtterancePart
from emotrack.modalities import MODALITIES, Modality
from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.dialogue.dialogue import Dialogue
from emotrack.model.dialogue.plain_context import PlainContext
from emotrack.model.dialogue.state import SpeakerMemory
from emotrack.training.evaluation.sources import check_encoders
from emotrack.training.features.store import Store

MOST = 10
"""Parts that are left out at most."""
DRAWS = 20
"""Random orders of the parts."""
RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Deletion:
    """The label's probability with everything (`whole`) and without 1, 2, … parts: `top` [K], those that
    speak for it most first; `random` [draws, K], parts in random orders."""

    whole: float
    top: np.ndarray
    random: np.ndarray

    @property
    def drop(self) -> float:
        """Mean loss of probability over 1 to K parts, the top ones."""
        return float(self.whole - self.top.mean())

    @property
    def random_drop(self) -> float:
        """The same for random parts."""
        return float(self.whole - self.random.mean())


@dataclass(frozen=True, slots=True)
class DeletionSummary:
    """Means over utterances, and the 95 % interval of the mean difference, resampled over utterances."""

    utterances: int
    drop: float
    random_drop: float
    interval: tuple[float, float]
    better: float
    """Share of the utterances whose top parts weigh more than random ones."""

    @property
    def difference(self) -> float:
        """How much more the label loses without the parts ranked first than without random ones, in
        points."""
        return self.drop - self.random_drop


def delete(
    explainer: Explainer, contributions: Sequence[Contribution], draws: int = DRAWS, seed: int = 0
) -> Deletion | None:
    """Leave out the parts that speak for the label, most first, and as many in random orders.

    Random orders are drawn from all parts, those that speak for the label included. None where none speaks
    for it, or there is one part only.
    """
    ranked = sorted(
        (found for found in contributions if found.contribution > 0), key=lambda found: -found.contribution
    )
    most = min(len(ranked), MOST)
    if most == 0 or len(contributions) < 2:
        return None
    parts = [found.part for found in contributions]
    generator = np.random.default_rng(seed)
    orders = [[parts[index] for index in generator.permutation(len(parts))[:most]] for _ in range(draws)]
    orders.append([found.part for found in ranked[:most]])
    left = explainer.without([order[:count] for order in orders for count in range(1, most + 1)]).reshape(
        -1, most
    )
    return Deletion(explainer.probability, left[-1], left[:-1])


def summarise(deletions: Sequence[Deletion], seed: int = 0) -> DeletionSummary:
    """Means over utterances, at least one, each counting alike."""
    drops = np.array([[deletion.drop, deletion.random_drop] for deletion in deletions])
    differences = drops[:, 0] - drops[:, 1]
    resampled = np.random.default_rng(seed).integers(len(drops), size=(RESAMPLES, len(drops)))
    low, high = np.quantile(differences[resampled].mean(1), (0.025, 0.975))
    drop, random_drop = drops.mean(0)
    better = float((differences > 0).mean())
    return DeletionSummary(len(drops), float(drop), float(random_drop), (float(low), float(high)), better)


_KINDS: dict[Modality, Kind] = {"text": "word", "audio": "segment", "face": "frame", "body": "body"}


class StoredUtterance:
    """An utterance of which only its tokens are known; a `Subject` whose parts are these."""

    lines: tuple[UtterancePart, ...] = ()

    def __init__(self, tokens: dict[Modality, np.ndarray], memory: SpeakerMemory) -> None:
        self.memory = memory
        self._tokens = tokens
        self.parts = tuple(
            UtterancePart(_KINDS[modality], index, f"{_KINDS[modality]} {index + 1}")
            for modality in tokens
            for index in range(len(tokens[modality]))
        )

    def without(self, removed: Collection[UtterancePart]) -> dict[Modality, np.ndarray]:
        """Tokens by modality without those of `removed`; a modality of which nothing is left is absent."""
        gone = {(part.kind, part.index) for part in removed}
        left = {
            modality: tokens[[(_KINDS[modality], index) not in gone for index in range(len(tokens))]]
            for modality, tokens in self._tokens.items()
        }
        return {modality: tokens for modality, tokens in left.items() if len(tokens)}


def deletions_of(
    store: Store, bundle: Bundle, split: str, limit: int, draws: int = DRAWS
) -> Iterator[Deletion | None]:
    """The check for at most `limit` utterances of a split, evenly spread, each in the dialogue that came
    before it.

    None where no token speaks for the label. Raises `UserError` where the split is empty, or the
    tokens are not of the bundle's encoders.
    """
    check_encoders(bundle, store)
    dialogues = store.dialogues(split)
    total = sum(len(rows) for rows in dialogues)
    if not total:
        raise UserError(f"The store has no utterances of the split {split!r}.")
    chosen = set(np.linspace(0, total - 1, min(limit, total)).round().astype(int).tolist())
    live_head = LiveHead(bundle)
    place = 0
    for rows in dialogues:
        wanted = [row for offset, row in enumerate(rows) if place + offset in chosen]
        place += len(rows)
        for subject in _of_dialogue(store, bundle, rows, set(wanted)):
            explainer = Explainer(subject, live_head)
            yield delete(explainer, explainer.of_parts(subject.parts), draws)


@torch.inference_mode()
def _of_dialogue(
    store: Store, bundle: Bundle, rows: list[int], wanted: set[int]
) -> Iterator[StoredUtterance]:
    """The wanted utterances of one dialogue that have tokens, with the memory that the ones before them
    left."""
    if not wanted:
        return
    trained = bundle.configuration.trained
    tokens = [
        {
            modality: found.astype(np.float32)
            for modality in MODALITIES
            if modality in trained and (found := given.get(modality)) is not None and len(found)
        }
        for given in (store.tokens(row) for row in rows)
    ]
    said = bundle.network.fuse(collate(tokens, bundle.configuration.widths)).said
    dialogue = Dialogue(PlainContext(bundle.network))
    for row, here, left in zip(rows, tokens, said, strict=True):
        speaker = store.rows[row].speaker
        if row in wanted and here:
            yield StoredUtterance(here, dialogue.memory(speaker))
        dialogue.commit(store.rows[row].name, left.numpy(), speaker)
