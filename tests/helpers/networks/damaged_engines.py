"""Ways to spoil a compiled engine on disk, and what is said of each."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import safetensors.numpy

from emotrack.engines.cache.entry import EngineManifest
from emotrack.files import file_digest


def change_manifest(entry: Path, change: Callable[[EngineManifest], EngineManifest]) -> None:
    path = entry / "manifest.json"
    path.write_bytes(msgspec.json.encode(change(msgspec.json.decode(path.read_bytes(), type=EngineManifest))))


def foreign_gpu(entry: Path) -> None:
    def change(manifest: EngineManifest) -> EngineManifest:
        made_for = {**manifest.origin.made_for, "GPU": "Some Other Card"}
        return msgspec.structs.replace(
            manifest, origin=msgspec.structs.replace(manifest.origin, made_for=made_for)
        )

    change_manifest(entry, change)


def old_version(entry: Path) -> None:
    def change(manifest: EngineManifest) -> EngineManifest:
        made_for = {**manifest.origin.made_for, "onnxruntime": "1.2.3"}
        return msgspec.structs.replace(
            manifest, origin=msgspec.structs.replace(manifest.origin, made_for=made_for)
        )

    change_manifest(entry, change)


def old_schema(entry: Path) -> None:
    change_manifest(
        entry,
        lambda manifest: msgspec.structs.replace(
            manifest, origin=msgspec.structs.replace(manifest.origin, schema=0)
        ),
    )


def wrong_answers(entry: Path) -> None:
    """A check that is whole but says other outputs than the engine gives."""
    path = entry / "check.safetensors"
    tensors = safetensors.numpy.load_file(path)
    tensors["out.logits"] = tensors["out.logits"] + 1
    path.write_bytes(safetensors.numpy.save(tensors))
    change_manifest(
        entry,
        lambda manifest: msgspec.structs.replace(
            manifest, digests={**manifest.digests, path.name: file_digest(path)}
        ),
    )


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "corrupted": (
        lambda entry: flip(entry / "engine.bin"),
        "is damaged (engine.bin is not as it was written)",
    ),
    "truncated": (
        lambda entry: (entry / "engine.bin").write_bytes((entry / "engine.bin").read_bytes()[:100]),
        "is damaged",
    ),
    "engine gone": (
        lambda entry: (entry / "engine.bin").unlink(),
        "cannot be read (No such file or directory)",
    ),
    "manifest cut": (
        lambda entry: (entry / "manifest.json").write_text('{"origin": {'),
        "its manifest cannot be read",
    ),
    "manifest gone": (lambda entry: (entry / "manifest.json").unlink(), "its manifest cannot be read"),
    "foreign GPU": (foreign_gpu, "was built for GPU Some Other Card, and here is none"),
    "old version": (old_version, "was built for onnxruntime 1.2.3, and here is"),
    "old schema": (old_schema, "is in the format of another version of emotrack"),
    "wrong answers": (wrong_answers, "does not answer as it did (its answers differ by"),
}
"""By name: what does it, and what is said as the engine is built again."""
