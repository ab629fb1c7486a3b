"""A trained bundle on disk: one safetensors file per part, and the manifest that says how to build and trust
them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError

from emotrack.errors import UserError
from emotrack.files import write_whole
from emotrack.modalities import Modality
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.manifest import REMEDY, BundleManifest, EncoderNote, PartName, PartNote, parse_manifest

if TYPE_CHECKING:
    from torch import Tensor

    from emotrack.model.network import EmotionNetwork


MANIFEST = "bundle.json"
LARGEST_MANIFEST = 16 << 20
"""Bytes; the one that ships has a hundredth of that."""


@dataclass(frozen=True)
class NewPart:
    """A part to be saved: its weights and what is to be known of them."""

    tensors: "Mapping[str, Tensor]"
    licence: str
    trained_on: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BundlePart:
    """A part of a loaded bundle, its file checked."""

    name: PartName
    path: Path
    sha256: str
    licence: str
    trained_on: str
    settings: dict[str, Any]

    def tensors(self) -> "dict[str, Tensor]":
        """The weights, read and checked once more."""
        return _tensors(self.path, self.sha256)


@dataclass(frozen=True)
class Bundle:
    """A trained network and the parts beside it, all files checked. `identifier` names exactly these
    bytes."""

    configuration: NetworkConfiguration
    identifier: str
    encoders: dict[str, dict[Modality, EncoderNote]]
    parts: dict[PartName, BundlePart]
    metrics: dict[str, Any]

    @cached_property
    def network(self) -> "EmotionNetwork":
        """The network in evaluation mode, built when it is first asked for; raises `UserError` where its
        weights do not fit."""
        from emotrack.model.network import build_network  # imports torch, which live tracking does without

        part = self.parts["network"]
        return build_network(self.configuration, part.tensors(), part.path)


def default_directory() -> Path:
    """Where the bundle that ships with the package lies."""
    return Path(str(resources.files("emotrack.model") / "weights"))


def network_part(network: "EmotionNetwork", licence: str, trained_on: str) -> NewPart:
    """The part `network` of a bundle, made without touching the network, which may go on training."""
    state = {name: tensor for name, tensor in network.state_dict().items() if "parametrizations" not in name}
    return NewPart({**state, "joint.rotation": network.joint.rotation}, licence, trained_on)


def save_bundle(
    directory: Path,
    parts: Mapping[PartName, NewPart],
    *,
    configuration: NetworkConfiguration | None,
    encoders: Mapping[str, Mapping[Modality, EncoderNote]],
    metrics: Mapping[str, Any],
) -> str:
    """Writes a bundle and gives its identifier; `configuration` is that of the part `network`, None where
    there is none.

    Each file replaces its predecessor whole; the manifest comes last, so that an interrupted save is refused
    rather than believed.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {directory} cannot be made ({error.strerror}): choose another."
        ) from None
    import safetensors.torch

    notes: dict[PartName, PartNote] = {}
    for name, part in parts.items():
        data = safetensors.torch.save(
            {key: tensor.detach().cpu().contiguous().clone() for key, tensor in part.tensors.items()}
        )
        write_whole(directory / f"{name}.safetensors", data)
        notes[name] = PartNote(
            sha256=hashlib.sha256(data).hexdigest(),
            licence=part.licence,
            trained_on=part.trained_on,
            settings=part.settings,
        )
    manifest = BundleManifest.model_validate(
        {"configuration": configuration, "encoders": encoders, "parts": notes, "metrics": metrics}
    ).sealed()
    write_whole(directory / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())
    return manifest.identifier


def load_manifest(directory: Path) -> tuple[BundleManifest, dict[PartName, BundlePart]]:
    """What a bundle of any parts says of itself, and its files, checked.

    Raises `UserError` where a file is missing, cut or changed, or the version is another.
    """
    manifest = parse_manifest(_read(directory / MANIFEST, LARGEST_MANIFEST), directory / MANIFEST)
    parts = {
        name: BundlePart(
            name, directory / f"{name}.safetensors", note.sha256, note.licence, note.trained_on, note.settings
        )
        for name, note in manifest.parts.items()
    }
    for part in parts.values():
        _checked(part.path, part.sha256)
    return manifest, parts


def load_bundle(directory: Path | None = None) -> Bundle:
    """Reads a bundle, by default the one in the package.

    Raises `UserError` as `load_manifest` does, and where there is no network.
    """
    directory = default_directory() if directory is None else directory
    manifest, parts = load_manifest(directory)
    if manifest.configuration is None or "network" not in parts:
        raise UserError(
            f"The bundle in {directory} has no network: train one with `encoders: {directory}`, or fetch a "
            "whole bundle."
        )
    return Bundle(manifest.configuration, manifest.identifier, manifest.encoders, parts, manifest.metrics)


def _tensors(path: Path, sha256: str) -> "dict[str, Tensor]":

    import safetensors.torch

    try:
        return safetensors.torch.load(_checked(path, sha256))
    except SafetensorError:
        raise UserError(f"The bundle's {path} is not a safetensors file: {REMEDY}.") from None


def _checked(path: Path, sha256: str) -> bytes:
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UserError(f"The bundle's {path} is damaged or was replaced (its SHA-256 differs): {REMEDY}.")
    return data


def _read(path: Path, most: int | None = None) -> bytes:
    """The content of a file; one of more than `most` bytes is refused before it is read."""
    try:
        size = path.stat().st_size
        if most is not None and size > most:
            raise UserError(f"The bundle's {path} is too large ({size} bytes): {REMEDY}.")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"The bundle's {path} cannot be read ({error.strerror}): {REMEDY}.") from None


Settings = TypeVar("Settings", bound=BaseModel)


def settings_of(part: BundlePart, kind: type[Settings]) -> Settings:
    """The settings of a part, which are to be of this kind; raises `UserError` where they are not as they
    should be."""
    try:
        return kind.model_validate(part.settings)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise UserError(
            f"The settings of {part.path} are wrong at {place!r} ({first['msg']}); {REMEDY}."
        ) from None
