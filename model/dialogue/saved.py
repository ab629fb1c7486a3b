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
    """What goes beside the arrays: `seats` least recently heard first, `history` as utterance and speaker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["emotrack dialogue"] = "emotrack dialogue"
    version: Literal[3] = 3
    seats: list[tuple[str, int]]
    history: list[tuple[str, str]]


@dataclass(frozen=True)
class SavedDialogue:
    """Named arrays, and `meta`, which is plain JSON."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    @classmethod
    def of(
        cls, state: ContextState, seats: Mapping[str, int], history: Collection[DialogueTurn]
    ) -> "SavedDialogue":
        """Copies a dialogue's parts."""
        arrays = {f"state.{name}": array.copy() for name, array in state.to_arrays().items()}
        width = state.ring_rows.shape[1]
        arrays["history"] = np.concatenate(
            [np.zeros((0, width), np.float32), *(heard.row[None] for heard in history)]
        )
        meta = _SavedMeta(
            seats=list(seats.items()), history=[(heard.utterance, heard.speaker) for heard in history]
        )
        return cls(arrays, meta.model_dump(mode="json"))

    def unpack(
        self, configuration: NetworkConfiguration, speakers: int
    ) -> tuple[ContextState, "OrderedDict[str, int]", list[DialogueTurn]]:
        """State, seats and history. Raises `UserError` where they are damaged or of another network or
        version."""
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
        history = arrays.pop("history", np.zeros(0))
        if history.shape != (len(meta.history), configuration.row_width) or history.dtype != np.float32:
            raise UserError(
                "The saved dialogue's history does not go with this network: restore it with the bundle it "
                "was saved with."
            )
        state = {name.removeprefix("state."): array for name, array in arrays.items()}
        heard = [DialogueTurn(*names, row.copy()) for names, row in zip(meta.history, history, strict=True)]
        return ContextState.from_arrays(state, configuration, speakers), seats, heard
