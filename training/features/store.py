"""A store of features: a manifest, the rows, and shards of tokens; read by training as if it were one list."""

import hashlib
from itertools import groupby
from pathlib import Path

import msgspec

from emotrack.model.errors import UserError
from emotrack.training.corpora.records import Row
from emotrack.training.features.manifest import Manifest, read_manifest
from emotrack.training.features.shard import Shard, Tokens, path_of

ROWS = "utterances.jsonl"


class Store:
    """A finished store."""

    def __init__(self, path: Path, manifest: Manifest, rows: list[Row]) -> None:
        self.path = path
        self.manifest = manifest
        self.rows = rows
        self._plan = manifest.plan
        self._shards: dict[int, Shard] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def tokens(self, index: int) -> Tokens:
        """Token vectors [n, width] of row `index` by stream; streams that it lacks are missing.

        Raises UserError where the shard that holds it is missing or damaged.
        """
        number, row = divmod(index, self._plan.shard_rows)
        if number not in self._shards:
            self._shards[number] = Shard(path_of(self.path, number), self._plan, number)
        return self._shards[number].tokens(row)

    def dialogues(self, split: str, version: int = 0) -> list[list[int]]:
        """Numbers of the rows of one split in one version (0: undisturbed), dialogue by dialogue in order."""
        chosen = [index for index, row in enumerate(self.rows) if row.split == split and row.version == version]
        return [list(group) for _, group in groupby(chosen, key=lambda index: self.rows[index].dialogue)]


def open_store(path: Path) -> Store:
    """Open a finished store; raises UserError where there is none or it is damaged."""
    manifest = read_manifest(path)
    if not manifest.finished:
        raise UserError(f"The store {path} is not finished; run the same `emotrack features` again to go on with it.")
    content = read_rows(path)
    if hashlib.sha256(content).hexdigest() != manifest.rows_sha256:
        raise UserError(f"{path / ROWS} is damaged or was replaced (its SHA-256 differs); make the store again.")
    return Store(path, manifest, [msgspec.json.decode(line, type=Row) for line in content.splitlines()])


def read_rows(folder: Path) -> bytes:
    try:
        return (folder / ROWS).read_bytes()
    except OSError as error:
        raise UserError(f"{folder / ROWS} cannot be read ({error.strerror}); make the store again.") from None
