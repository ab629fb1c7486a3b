"""What a store says of itself: which corpus was described, by which encoders, and what came of it."""

import hashlib
import json
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.section import brief

NAME = "manifest.json"
FORMAT: Final = "emotrack features"
VERSION: Final = 1
REMEDY = "make the store with `emotrack features`"


class _Noted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ModalityNote(_Noted):
    """One modality of a store."""

    encoder: str
    width: int
    sha256: str | None = None
    """Of the weights, where they came from a bundle or a file of the user's."""
    dtype: Literal["float16", "float32"] = "float16"


class SkippedNote(_Noted):
    """A clip that gave less than it should, and why."""

    name: str
    reason: str


class Plan(_Noted):
    """What a store is to hold: enough to go on with one that was interrupted, and to tell it from any
    other."""

    format: Literal["emotrack features"] = FORMAT
    version: Literal[1] = VERSION
    corpus: str
    profile: str
    classes: tuple[str, ...]
    modalities: dict[Modality, ModalityNote] = Field(alias="streams")
    """The name on disk is part of the key of every store that there is."""
    pace: dict[str, float] = {}
    """Pictures a second in which faces and bodies were looked for."""
    count: int
    """Rows."""
    rows_sha256: str
    """Of the file with the rows."""
    shard_rows: int
    """Rows of each shard but the last."""

    @property
    def key(self) -> str:
        """SHA-256 that names exactly this plan; every shard carries it."""
        return hashlib.sha256(json.dumps(self.model_dump(by_alias=True), sort_keys=True).encode()).hexdigest()

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.shard_rows)

    def rows_of(self, shard: int) -> range:
        """Numbers of the rows of one shard."""
        return range(shard * self.shard_rows, min((shard + 1) * self.shard_rows, self.count))


class StoreManifest(Plan):
    """A plan and what came of it, once it is carried out."""

    root: str
    """Where the corpus was read from."""
    finished: bool = False
    present: dict[Modality, int] = {}
    """Rows that have each modality."""
    bytes: int = 0
    """Size of all shards."""
    skipped: tuple[SkippedNote, ...] = ()

    @property
    def plan(self) -> Plan:
        """The plan alone."""
        return Plan.model_validate(self.model_dump(include=set(Plan.model_fields)))


def read_manifest(folder: Path) -> StoreManifest:
    """The manifest of the store in `folder`; raises UserError where there is none, or of another version."""
    path = folder / NAME
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{folder} holds no store of features ({error.strerror}): {REMEDY}.") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged: {REMEDY}.") from None
    if isinstance(content, dict) and content.get("format") == FORMAT and content.get("version") != VERSION:
        raise UserError(
            f"The store {folder} has version {brief(content.get('version'))}, not {VERSION} as this "
            f"emotrack: {REMEDY}."
        )
    try:
        return StoreManifest.model_validate(content)
    except ValidationError:
        raise UserError(f"{path} is damaged or of something else: {REMEDY}.") from None
