"""One compiled engine on disk: what it depends on, what is known of it, and the answers that it gave when it
was made; in the cache, in a pack, or among those that come with the package."""

import contextlib
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec
import safetensors.numpy

from emotrack.engines.backends.backend import Backend
from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.parity import Parity
from emotrack.engines.contract.spec import Arrays, Precision, Spec
from emotrack.files import file_digest, write_whole

SCHEMA = 1
MANIFEST, CHECK = "manifest.json", "check.safetensors"


class Origin(msgspec.Struct, frozen=True):
    """Everything that an engine depends on, by name."""

    network: str
    backend: str
    precision: str
    graph: str
    """Digest of what decides the network's answers, see definition.py."""
    shapes: str
    made_for: dict[str, str]
    """Versions of libraries and, on a GPU, the device."""
    schema: int = SCHEMA

    @property
    def key(self) -> str:
        """The name of the engine's folder."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    def difference(self, other: "Origin") -> str:
        """In which way an engine of `other` is not one of this, in plain words."""
        for name in sorted(self.made_for.keys() | other.made_for.keys()):
            here, there = self.made_for.get(name, "none"), other.made_for.get(name, "none")
            if here != there:
                return f"was built for {name} {there}, and here is {here}"
        if self.schema != other.schema:
            return "is in the format of another version of emotrack"
        return (
            "was built for other shapes"
            if self.graph == other.graph
            else "is of another version of the network"
        )


class EngineManifest(msgspec.Struct, frozen=True):
    """What lies beside an engine. `refusal` says why one was refused once; it is not built again then, and
    there is no engine."""

    origin: Origin
    parity: Parity | None
    build_seconds: float
    memory_bytes: int
    digests: dict[str, str]
    """SHA-256 of each file."""
    refusal: str | None = None
    given: str | None = None
    """Of an engine that ships: `Definition.given` of the network, by which it is recognised; it took no time
    to build here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An engine that is kept."""

    folder: Path
    manifest: EngineManifest
    bytes: int
    """What it takes on the disk."""
    used: float
    """When it was last used, in Unix seconds."""

    @classmethod
    def read(cls, folder: Path) -> "Entry":
        """What lies in a folder; raises `Damaged` or `OSError`, the latter also where another process removes
        it meanwhile."""
        manifest = _read(folder)
        return cls(
            folder, manifest, sum(file.stat().st_size for file in folder.iterdir()), folder.stat().st_mtime
        )

    @classmethod
    def write(cls, folder: Path, manifest: EngineManifest, check: tuple[Arrays, Arrays] | None) -> None:
        """Lay the manifest and `check` (see there) beside what was built in `folder`, in the place of an
        earlier manifest."""
        if check is not None:
            tensors = {f"in.{name}": array for name, array in check[0].items()}
            tensors |= {f"out.{name}": array for name, array in check[1].items()}
            write_whole(folder / CHECK, safetensors.numpy.save(tensors))
        digests = {file.name: file_digest(file) for file in sorted(folder.iterdir()) if file.name != MANIFEST}
        whole = msgspec.structs.replace(manifest, digests=digests)
        write_whole(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(whole)))

    def require(self, origin: Origin) -> None:
        """Raises `Damaged` or `OSError` where this is not what was once kept of `origin`."""
        if self.manifest.origin != origin:
            raise Damaged(origin.difference(self.manifest.origin))
        self.require_whole()

    def require_whole(self) -> None:
        """Raises `Damaged` or `OSError` where a file is not as it was written."""
        for name, digest in self.manifest.digests.items():
            if file_digest(self.folder / name) != digest:
                raise Damaged(f"is damaged ({name} is not as it was written)")

    def check(self) -> tuple[Arrays, Arrays]:
        """Inputs, and the network's own outputs for them."""
        tensors = safetensors.numpy.load_file(self.folder / CHECK)
        inputs = {
            name.removeprefix("in."): array for name, array in tensors.items() if name.startswith("in.")
        }
        outputs = {
            name.removeprefix("out."): array for name, array in tensors.items() if name.startswith("out.")
        }
        return inputs, outputs


class Damaged(Exception):
    """An entry that is not what was once written."""


def _read(folder: Path) -> EngineManifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=EngineManifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, FileNotFoundError):
        raise Damaged("is damaged (its manifest cannot be read)") from None


FOLDER = Path(str(resources.files("emotrack.engines.packs"))) / "graphs"


def shipped(spec: Spec, backend: Backend, precision: Precision) -> Entry | None:
    """The engine of just these weights for a backend, where one ships and is whole."""
    folder = FOLDER / spec.name
    if not folder.is_dir() or not isinstance(spec.definition, Definition):
        return None
    with contextlib.suppress(Damaged, OSError):
        entry = Entry.read(folder)
        origin = entry.manifest.origin
        if (origin.backend, origin.precision, origin.shapes) == (backend.name, precision, spec.shapes) and (
            entry.manifest.given == spec.definition.given()
        ):
            entry.require_whole()
            return entry
    return None
