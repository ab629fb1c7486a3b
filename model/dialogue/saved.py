"""A dialogue at rest: arrays and plain JSON, checked against the network before it lives again."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from emotrack.errors import UserError
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.dialogue.state import ContextState, Floats


@dataclass(frozen=True)
class DialogueTurn:
    """One committed utterance: its name, its speaker and its row [row_width]."""

    utterance: str
    speaker: str
    row: Floats


class _SavedMeta(BaseModel):
    """What goes beside the arrays: `seats` least recently heard first, `history` as utterance and speaker;
    and what has come since and may still be amended, `later`: utterance and speaker, or a merged speaker as
    nothing, who is left and who they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["emotrack dialogue"] = "emotrack dialogue"
    version: Literal[4] = 4
    seats: list[tuple[str, int]]
    history: list[tuple[str, str]]
    later: list[tuple[str, str] | tuple[None, str, str]]


@dataclass(frozen=True)
class Merge:
    """Two speakers turned out to be one."""

    old: str
    into: str


DialogueEvent = DialogueTurn | Merge


@dataclass(frozen=True)
class SavedDialogue:
    """Named arrays, and `meta`, which is plain JSON."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    @classmethod
    def of(
        cls,
        state: ContextState,
        seats: Mapping[str, int],
        history: Collection[DialogueTurn],
        later: Collection[DialogueEvent],
    ) -> "SavedDialogue":
        """Copies a dialogue's parts as they were before `later`, and these."""
        arrays = {f"state.{name}": array.copy() for name, array in state.to_arrays().items()}
        width = state.ring_rows.shape[1]
        turns = [event for event in later if isinstance(event, DialogueTurn)]
        for name, heard in (("history", history), ("later", turns)):
            arrays[name] = np.concatenate(
                [np.zeros((0, width), np.float32), *(one.row[None] for one in heard)]
            )
        meta = _SavedMeta(
            seats=list(seats.items()),
            history=[(heard.utterance, heard.speaker) for heard in history],
            later=[
                (event.utterance, event.speaker)
                if isinstance(event, DialogueTurn)
                else (None, event.old, event.into)
                for event in later
            ],
        )
        return cls(arrays, meta.model_dump(mode="json"))

    def unpack(
        self, configuration: NetworkConfiguration, speakers: int
    ) -> tuple[ContextState, "OrderedDict[str, int]", list[DialogueTurn], list[DialogueEvent]]:
        """State, seats, history and what came later. Raises `UserError` where they are damaged or of another
        network or version."""
        try:
            meta = _SavedMeta.model_validate(self.meta)
        except ValidationError:
            raise UserError(
                "The saved dialogue is damaged or of another version: start a new session."
            ) from None
        seats = OrderedDict(meta.seats)
        if len(set(seats.values())) != len(meta.seats) or not set(seats.values()) <= set(range(speakers)):
            raise UserError(
                "The saved dialogue seats its speakers twice or out of range: start a new session."
            )
        arrays = dict(self.arrays)
        history, later = (arrays.pop(name, np.zeros(0)) for name in ("history", "later"))
        turns = sum(len(event) == 2 for event in meta.later)
        for rows, count in ((history, len(meta.history)), (later, turns)):
            if rows.shape != (count, configuration.row_width) or rows.dtype != np.float32:
                raise UserError(
                    "The saved dialogue's history does not go with this network: restore it with the bundle "
                    "it was saved with."
                )
        state = {name.removeprefix("state."): array for name, array in arrays.items()}
        heard = [DialogueTurn(*names, row.copy()) for names, row in zip(meta.history, history, strict=True)]
        remaining = iter(later)
        events: list[DialogueEvent] = [
            DialogueTurn(*event, next(remaining).copy()) if len(event) == 2 else Merge(event[1], event[2])
            for event in meta.later
        ]
        return ContextState.from_arrays(state, configuration, speakers), seats, heard, events
