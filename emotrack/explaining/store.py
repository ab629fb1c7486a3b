"""The check by deletion over a store of features: its utterances' tokens take the place of words, segments and regions."""

from collections.abc import Collection, Iterator

import numpy as np
import torch

from emotrack.explaining.contributions import Explainer
from emotrack.explaining.deletion import DRAWS, Deletion, delete
from emotrack.explaining.judging import Judge
from emotrack.explaining.parts import Kind, Part
from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.dialogue import Dialogue
from emotrack.model.errors import UserError
from emotrack.model.memory import SpeakerMemory
from emotrack.model.plain_context import PlainContext
from emotrack.training.features.store import Store
from emotrack.training.tables.sources import check_encoders

_KINDS: dict[Stream, Kind] = {"text": "word", "audio": "segment", "face": "frame", "body": "body"}


class StoredUtterance:
    """An utterance of which only its tokens are known; a `Subject` whose parts are these."""

    lines: tuple[Part, ...] = ()

    def __init__(self, tokens: dict[Stream, np.ndarray], memory: SpeakerMemory) -> None:
        self.memory = memory
        self._tokens = tokens
        self.parts = tuple(
            Part(_KINDS[stream], index, f"{_KINDS[stream]} {index + 1}")
            for stream in tokens
            for index in range(len(tokens[stream]))
        )

    def without(self, removed: Collection[Part]) -> dict[Stream, np.ndarray]:
        """Tokens by stream without those of `removed`; a stream of which nothing is left is absent."""
        gone = {(part.kind, part.index) for part in removed}
        left = {
            stream: tokens[[(_KINDS[stream], index) not in gone for index in range(len(tokens))]]
            for stream, tokens in self._tokens.items()
        }
        return {stream: tokens for stream, tokens in left.items() if len(tokens)}


def deletions_of(store: Store, bundle: Bundle, split: str, limit: int, draws: int = DRAWS) -> Iterator[Deletion | None]:
    """The check for at most `limit` utterances of a split, evenly spread, each in the dialogue that came before it.

    None where no token speaks for the label. Raises `UserError` where the split is empty, or the
    tokens are not of the bundle's encoders.
    """
    check_encoders(bundle, store)
    dialogues = store.dialogues(split)
    total = sum(len(rows) for rows in dialogues)
    if not total:
        raise UserError(f"The store has no utterances of the split {split!r}.")
    chosen = set(np.linspace(0, total - 1, min(limit, total)).round().astype(int).tolist())
    judge = Judge(bundle)
    place = 0
    for rows in dialogues:
        wanted = [row for offset, row in enumerate(rows) if place + offset in chosen]
        place += len(rows)
        for subject in _of_dialogue(store, bundle, rows, set(wanted)):
            explainer = Explainer(subject, judge)
            yield delete(explainer, explainer.of_parts(subject.parts), draws)


@torch.inference_mode()
def _of_dialogue(store: Store, bundle: Bundle, rows: list[int], wanted: set[int]) -> Iterator[StoredUtterance]:
    """The wanted utterances of one dialogue that have tokens, with the memory that the ones before them left."""
    if not wanted:
        return
    trained = bundle.configuration.trained
    tokens = [
        {
            stream: found.astype(np.float32)
            for stream in STREAMS
            if stream in trained and (found := given.get(stream)) is not None and len(found)
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
