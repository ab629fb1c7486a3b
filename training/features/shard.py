"""One file of a store: the tokens of consecutive rows in safetensors, whole or absent, and checked by its own hash.

Per stream `{stream}.values` [all tokens of the rows, width] and `{stream}.counts` int32 [rows]; a count of 0: the row lacks it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.model.whole_file import write_whole
from emotrack.training.features.manifest import Plan, SkippedNote

Tokens = dict[Stream, NDArray[np.floating]]
MEND = "delete that file and run the same `emotrack features` again"
_NOTE = "emotrack"
"""The one entry of a file's metadata: more than one would be written in an order that changes from run to run."""


@dataclass(frozen=True, slots=True)
class Described:
    """What became of one row: its tokens, and what went wrong."""

    tokens: Tokens
    skipped: Sequence[SkippedNote] = ()


def path_of(folder: Path, shard: int) -> Path:
    """Where shard number `shard` lies."""
    return folder / f"shard-{shard:05}.safetensors"


def write_shard(folder: Path, plan: Plan, shard: int, rows: Sequence[Described]) -> None:
    """Write a shard in one step: it is there whole, or not at all."""
    tensors: dict[str, NDArray[Any]] = {}
    for stream, note in plan.streams.items():
        given = [row.tokens.get(stream, np.zeros((0, note.width))) for row in rows]
        tensors[f"{stream}.values"] = np.ascontiguousarray(np.concatenate(given), note.dtype)
        tensors[f"{stream}.counts"] = np.array([len(one) for one in given], np.int32)
    note_of = {
        "store": plan.key,
        "shard": shard,
        "skipped": [skipped.model_dump() for row in rows for skipped in row.skipped],
    }
    note_of["sha256"] = _hash(note_of, tensors)
    write_whole(path_of(folder, shard), safetensors.numpy.save(tensors, {_NOTE: json.dumps(note_of, sort_keys=True)}))


@dataclass(slots=True)
class Shard:
    """A shard on disk, checked when it is opened and memory-mapped from then on."""

    path: Path
    plan: Plan
    number: int
    skipped: tuple[SkippedNote, ...] = field(init=False)
    counts: dict[Stream, NDArray[np.int32]] = field(init=False)
    _values: dict[Stream, Any] = field(init=False)
    _ends: dict[Stream, NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        """Raises UserError where the file is missing, damaged, or of another store."""
        try:
            opened = safe_open(self.path, "np")
            note = json.loads((opened.metadata() or {})[_NOTE])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dictionary
            self.skipped = tuple(SkippedNote.model_validate(one) for one in note["skipped"])
            store, number, sha256 = note["store"], note["shard"], note.pop("sha256")
        except OSError:
            raise UserError(f"{self.path} is missing or cannot be read; run the same `emotrack features` again.") from None
        except (SafetensorError, KeyError, ValueError, TypeError):
            raise UserError(f"{self.path} is cut off or no part of a store; {MEND}.") from None
        if (store, number) != (self.plan.key, self.number):
            raise UserError(f"{self.path} belongs to another store or place; {MEND}.")
        if sha256 != _hash(note, tensors):
            raise UserError(f"{self.path} is damaged (its SHA-256 differs); {MEND}.")
        self.counts = {stream: tensors[f"{stream}.counts"] for stream in self.plan.streams}
        self._ends = {stream: np.cumsum(counts, dtype=np.int64) for stream, counts in self.counts.items()}
        self._values = {stream: opened.get_slice(f"{stream}.values") for stream in self.plan.streams}

    def tokens(self, row: int) -> Tokens:
        """The tokens of the shard's `row`-th row, stream by stream; what it lacks is missing."""
        found: Tokens = {}
        for stream, counts in self.counts.items():
            if counts[row]:
                end = int(self._ends[stream][row])
                found[stream] = self._values[stream][end - int(counts[row]) : end]
        return found


def _hash(note: Mapping[str, object], tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(note, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(tensors[name].data)
    return digest.hexdigest()
