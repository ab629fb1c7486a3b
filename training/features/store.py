"""A store of features: a manifest, the rows, and shards of tokens, each whole or absent; written row by row,
and read by training as if it were one list."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from emotrack.errors import UserError
from emotrack.files import LOCK, alone_in, write_whole
from emotrack.modalities import Modality
from emotrack.model.bundle import BundlePart
from emotrack.model.manifest import PartName
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.features.manifest import NAME, Plan, SkippedNote, StoreManifest, read_manifest

Tokens = dict[Modality, NDArray[np.floating]]
MEND = "delete that file and run the same `emotrack features` again"
_NOTE = "emotrack"
"""The one entry of a file's metadata: more than one would be written in an order that changes from run to
run."""


@dataclass(frozen=True, slots=True)
class DescribedRow:
    """What became of one row: its tokens, and what went wrong."""

    tokens: Tokens
    skipped: Sequence[SkippedNote] = ()


def path_of(folder: Path, shard: int) -> Path:
    """Where shard number `shard` lies."""
    return folder / f"shard-{shard:05}.safetensors"


def write_shard(folder: Path, plan: Plan, shard: int, rows: Sequence[DescribedRow]) -> None:
    """Write a shard in one step: it is there whole, or not at all."""
    tensors: dict[str, NDArray[Any]] = {}
    for modality, note in plan.modalities.items():
        given = [row.tokens.get(modality, np.zeros((0, note.width))) for row in rows]
        tensors[f"{modality}.values"] = np.ascontiguousarray(np.concatenate(given), note.dtype)
        tensors[f"{modality}.counts"] = np.array([len(one) for one in given], np.int32)
    note_of = {
        "store": plan.key,
        "shard": shard,
        "skipped": [skipped.model_dump() for row in rows for skipped in row.skipped],
    }
    note_of["sha256"] = _hash(note_of, tensors)
    write_whole(
        path_of(folder, shard), safetensors.numpy.save(tensors, {_NOTE: json.dumps(note_of, sort_keys=True)})
    )


@dataclass(slots=True)
class Shard:
    """A shard on disk, checked when it is opened and memory-mapped from then on."""

    path: Path
    plan: Plan
    number: int
    skipped: tuple[SkippedNote, ...] = field(init=False)
    counts: dict[Modality, NDArray[np.int32]] = field(init=False)
    _values: dict[Modality, Any] = field(init=False)
    _ends: dict[Modality, NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        """Raises UserError where the file is missing, damaged, or of another store."""
        try:
            opened = safe_open(self.path, "np")
            note = json.loads((opened.metadata() or {})[_NOTE])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dictionary
            self.skipped = tuple(SkippedNote.model_validate(one) for one in note["skipped"])
            store, number, sha256 = note["store"], note["shard"], note.pop("sha256")
        except OSError:
            raise UserError(
                f"{self.path} is missing or cannot be read; run the same `emotrack features` again."
            ) from None
        except (SafetensorError, KeyError, ValueError, TypeError):
            raise UserError(f"{self.path} is cut off or no part of a store; {MEND}.") from None
        if (store, number) != (self.plan.key, self.number):
            raise UserError(f"{self.path} belongs to another store or place; {MEND}.")
        if sha256 != _hash(note, tensors):
            raise UserError(f"{self.path} is damaged (its SHA-256 differs); {MEND}.")
        self.counts = {modality: tensors[f"{modality}.counts"] for modality in self.plan.modalities}
        self._ends = {modality: np.cumsum(counts, dtype=np.int64) for modality, counts in self.counts.items()}
        self._values = {modality: opened.get_slice(f"{modality}.values") for modality in self.plan.modalities}

    def tokens(self, row: int) -> Tokens:
        """The tokens of the shard's `row`-th row, modality by modality; what it lacks is missing."""
        found: Tokens = {}
        for modality, counts in self.counts.items():
            if counts[row]:
                end = int(self._ends[modality][row])
                found[modality] = self._values[modality][end - int(counts[row]) : end]
        return found


def _hash(note: Mapping[str, object], tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(note, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(tensors[name].data)
    return digest.hexdigest()


ROWS = "utterances.jsonl"


class Store:
    """A finished store."""

    def __init__(self, path: Path, manifest: StoreManifest, rows: list[CorpusRow]) -> None:
        self.path = path
        self.manifest = manifest
        self.rows = rows
        self._plan = manifest.plan
        self._shards: dict[int, Shard] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def tokens(self, index: int) -> Tokens:
        """Token vectors [n, width] of row `index` by modality; modalities that it lacks are missing.

        Raises UserError where the shard that holds it is missing or damaged.
        """
        number, row = divmod(index, self._plan.shard_rows)
        if number not in self._shards:
            self._shards[number] = Shard(path_of(self.path, number), self._plan, number)
        return self._shards[number].tokens(row)

    def dialogues(self, split: str, version: int = 0) -> list[list[int]]:
        """Numbers of the rows of one split in one version (0: undisturbed), dialogue by dialogue in order."""
        chosen = [
            index for index, row in enumerate(self.rows) if row.split == split and row.version == version
        ]
        return [list(group) for _, group in groupby(chosen, key=lambda index: self.rows[index].dialogue)]


def open_store(path: Path) -> Store:
    """Open a finished store; raises UserError where there is none or it is damaged."""
    manifest = read_manifest(path)
    if not manifest.finished:
        raise UserError(
            f"The store {path} is not finished; run the same `emotrack features` again to go on with it."
        )
    content = read_rows(path)
    if hashlib.sha256(content).hexdigest() != manifest.rows_sha256:
        raise UserError(
            f"{path / ROWS} is damaged or was replaced (its SHA-256 differs); make the store again."
        )
    return Store(path, manifest, [msgspec.json.decode(line, type=CorpusRow) for line in content.splitlines()])


def read_rows(folder: Path) -> bytes:
    """The rows of a store as bytes; raises `UserError` where they cannot be read."""
    try:
        return (folder / ROWS).read_bytes()
    except OSError as error:
        raise UserError(f"{folder / ROWS} cannot be read ({error.strerror}); make the store again.") from None


def foreign_modality(store: Store, parts: Mapping[PartName, BundlePart]) -> Modality | None:
    """A modality of the store that was described by other weights than a bundle's `parts`; None where all
    fit."""
    for modality, note in store.manifest.modalities.items():
        name = ENCODED_BY.get(modality)
        part = None if name is None else parts.get(name)
        if modality == "text":  # described with or without an adapter, which is for one sentence encoder only
            wanted = part.sha256 if part is not None and part.settings.get("base") == note.encoder else None
            foreign = note.sha256 != wanted
        else:
            foreign = note.encoder == name and (part is None or part.sha256 != note.sha256)
        if foreign:
            return modality
    return None


ENCODED_BY: dict[Modality, PartName] = {"text": "text", "audio": "voice", "face": "face"}
"""The part of a bundle that describes each modality, where it is our own."""


BEGINNING = {LOCK, ROWS, f"{ROWS}.new", f"{NAME}.new"}
"""What a process that is killed at once may leave behind."""
NAMES = {
    "corpus": "corpus",
    "profile": "profile",
    "modalities": "encoder",
    "pace": "face or body rate",
    "shard_rows": "size of shards",
    "classes": "set of classes",
}
"""What a plan may differ in, in people's words."""


def rows_file(rows: Sequence[CorpusRow]) -> bytes:
    """The file of the rows: one JSON object a line."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def write_store(
    folder: Path,
    planned: StoreManifest,
    rows: Sequence[CorpusRow],
    describe: Callable[[range], Sequence[DescribedRow]],
    found: Callable[[int], None],
) -> StoreManifest:
    """Carry out a plan in `folder`, going on with what is there of it already; `describe` gives the rows of a
    shard.

    `found` is told of the rows that are there already, shard by shard. Raises UserError where the folder
    holds a store of another plan or anything else, or a shard that is damaged.
    """
    plan = planned.plan
    if (
        folder.is_dir()
        and not (folder / NAME).exists()
        and {one.name for one in folder.iterdir()} - BEGINNING
    ):
        raise UserError(f"{folder} holds something else than a store of features; choose an empty folder.")
    with alone_in(folder):
        _begin(folder, planned, rows_file(rows))
        present = dict.fromkeys(plan.modalities, 0)
        skipped: list[SkippedNote] = list(planned.skipped)
        size = 0
        for number in range(plan.shards):
            path, chosen = path_of(folder, number), plan.rows_of(number)
            if path.exists():
                found(len(chosen))
            else:
                write_shard(folder, plan, number, describe(chosen))
            shard = Shard(path, plan, number)
            for stream, counts in shard.counts.items():
                present[stream] += int((counts > 0).sum())
            skipped += shard.skipped
            size += path.stat().st_size
        outcome = {"finished": True, "present": present, "bytes": size, "skipped": tuple(skipped)}
        finished = planned.model_copy(update=outcome)
        write_whole(folder / NAME, finished.model_dump_json(indent=2, by_alias=True).encode() + b"\n")
    return finished


def _begin(folder: Path, planned: StoreManifest, content: bytes) -> None:
    """Make a new store of this plan, or see that the one that is there is of this plan."""
    if not (folder / NAME).exists():
        write_whole(folder / ROWS, content)
        write_whole(folder / NAME, planned.model_dump_json(indent=2, by_alias=True).encode() + b"\n")
        return
    there = read_manifest(folder)
    for what, name in NAMES.items():
        was, wanted = getattr(there, what), getattr(planned, what)
        if was != wanted:
            raise UserError(
                f"The store {folder} was begun with another {name} ({_differ(was, wanted)}); choose "
                "another folder."
            )
    if there.rows_sha256 != planned.rows_sha256 or read_rows(folder) != content:
        raise UserError(
            f"The store {folder} was begun with other utterances of {planned.corpus}; choose another folder."
        )


def _differ(was: object, wanted: object) -> str:
    """Where two values of a plan part ways."""
    if isinstance(was, dict) and isinstance(wanted, dict):
        key = next(key for key in (*was, *wanted) if was.get(key) != wanted.get(key))
        return f"{key}: {_brief(was.get(key))}, now {_brief(wanted.get(key))}"
    return f"{was}, now {wanted}"


def _brief(value: object) -> str:
    encoder, sha256 = getattr(value, "encoder", None), getattr(value, "sha256", None)
    return (
        f"{encoder} {sha256[:12] if sha256 else ''}".strip()
        if encoder
        else "none"
        if value is None
        else str(value)
    )
