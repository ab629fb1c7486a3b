"""Writes a store: the rows first, then shard by shard, then the manifest's last word.

Every file is there whole or not at all, so that whatever is killed in between goes on where it stopped.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from emotrack.model.errors import UserError
from emotrack.model.whole_file import write_whole
from emotrack.training.alone import LOCK, alone_in
from emotrack.training.corpora.records import Row
from emotrack.training.features.manifest import NAME, Manifest, SkippedNote, read_manifest
from emotrack.training.features.shard import Described, Shard, path_of, write_shard
from emotrack.training.features.store import ROWS, read_rows

BEGINNING = {LOCK, ROWS, f"{ROWS}.new", f"{NAME}.new"}
"""What a process that is killed at once may leave behind."""
NAMES = {
    "corpus": "corpus",
    "profile": "profile",
    "streams": "encoder",
    "pace": "face or body rate",
    "shard_rows": "size of shards",
    "classes": "set of classes",
}
"""What a plan may differ in, in people's words."""


def rows_file(rows: Sequence[Row]) -> bytes:
    """The file of the rows: one JSON object a line."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def write_store(
    folder: Path,
    planned: Manifest,
    rows: Sequence[Row],
    describe: Callable[[range], Sequence[Described]],
    found: Callable[[int], None],
) -> Manifest:
    """Carry out a plan in `folder`, going on with what is there of it already; `describe` gives the rows of a shard.

    `found` is told of the rows that are there already, shard by shard. Raises UserError where the folder holds a store of another
    plan or anything else, or a shard that is damaged.
    """
    plan = planned.plan
    if folder.is_dir() and not (folder / NAME).exists() and {one.name for one in folder.iterdir()} - BEGINNING:
        raise UserError(f"{folder} holds something else than a store of features; choose an empty folder.")
    with alone_in(folder):
        _begin(folder, planned, rows_file(rows))
        present = dict.fromkeys(plan.streams, 0)
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
        write_whole(folder / NAME, finished.model_dump_json(indent=2).encode() + b"\n")
    return finished


def _begin(folder: Path, planned: Manifest, content: bytes) -> None:
    """Make a new store of this plan, or see that the one that is there is of this plan."""
    if not (folder / NAME).exists():
        write_whole(folder / ROWS, content)
        write_whole(folder / NAME, planned.model_dump_json(indent=2).encode() + b"\n")
        return
    there = read_manifest(folder)
    for what, name in NAMES.items():
        was, wanted = getattr(there, what), getattr(planned, what)
        if was != wanted:
            raise UserError(f"The store {folder} was begun with another {name} ({_differ(was, wanted)}); choose another folder.")
    if there.rows_sha256 != planned.rows_sha256 or read_rows(folder) != content:
        raise UserError(f"The store {folder} was begun with other utterances of {planned.corpus}; choose another folder.")


def _differ(was: object, wanted: object) -> str:
    """Where two values of a plan part ways."""
    if isinstance(was, dict) and isinstance(wanted, dict):
        key = next(key for key in (*was, *wanted) if was.get(key) != wanted.get(key))
        return f"{key}: {_brief(was.get(key))}, now {_brief(wanted.get(key))}"
    return f"{was}, now {wanted}"


def _brief(value: object) -> str:
    encoder, sha256 = getattr(value, "encoder", None), getattr(value, "sha256", None)
    return f"{encoder} {sha256[:12] if sha256 else ''}".strip() if encoder else "none" if value is None else str(value)
