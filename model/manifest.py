"""`bundle.json`: what a bundle says of itself, sealed by a hash so that no byte of it can change unseen."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.configuration import NetworkConfiguration

REMEDY = "fetch or train the bundle again"

PartName = Literal["network", "voice", "face", "text"]


class EncoderNote(BaseModel):
    """Which encoder a modality was trained on, and the width of its tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    width: int = Field(ge=1)


class PartNote(BaseModel):
    """What the manifest says of one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    licence: str
    trained_on: str
    settings: dict[str, Any] = Field(
        default_factory=dict, description="what the part's own network is built from"
    )


class BundleManifest(BaseModel):
    """`bundle.json`. `seal` is the SHA-256 of everything else in it, so that no byte of it can change
    unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["emotrack bundle"] = "emotrack bundle"
    version: Literal[1] = 1
    configuration: NetworkConfiguration | None = Field(
        default=None, description="of the part `network`, where there is one"
    )
    encoders: dict[str, dict[Modality, EncoderNote]] = Field(
        description="per profile, the encoder of each modality"
    )
    parts: dict[PartName, PartNote]
    metrics: dict[str, Any] = Field(default_factory=dict)
    seal: str = ""

    @property
    def identifier(self) -> str:
        """A short name of exactly these bytes."""
        return self.seal[:12]

    def sealed(self) -> "BundleManifest":
        """The manifest with its seal."""
        return self.model_copy(update={"seal": seal_of(self.model_dump(mode="json"))})


def seal_of(content: dict[str, Any]) -> str:
    """The SHA-256 of a manifest as it is written, without its seal; a field that a later version adds leaves
    it as it was."""
    text = json.dumps({name: value for name, value in content.items() if name != "seal"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def parse_manifest(text: bytes, path: Path) -> BundleManifest:
    """The manifest in a text; raises `UserError`, which names `path`, where it is none or its seal is
    broken."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"The bundle's {path} is not readable as JSON: {REMEDY}.") from None
    if not isinstance(content, dict) or content.get("format") != "emotrack bundle":
        raise UserError(f"{path} is not a bundle of emotrack: give the directory of one.")
    if content.get("version") != 1:
        raise UserError(
            f"The bundle in {path.parent} has version {content.get('version')!r}, this emotrack reads "
            f"version 1: {REMEDY}."
        )
    try:
        manifest = BundleManifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(f"The bundle's {path} is wrong at {place!r} ({first['msg']}): {REMEDY}.") from None
    if seal_of(content) != manifest.seal:
        raise UserError(f"The bundle's {path} was changed after it was saved: {REMEDY}.")
    return manifest
