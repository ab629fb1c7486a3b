"""Compiled engines on disk: one folder an engine, named by everything that it depends on.

A folder is there whole or not at all, whenever the machine stops; one that was damaged is thrown away with a word and built anew.
Two processes that want the same engine build it once. What was not used for longest goes when there is too much.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import safetensors.numpy
from filelock import FileLock, Timeout

from emotrack.engines.definition import file_digest
from emotrack.engines.parity import Parity
from emotrack.engines.spec import Arrays
from emotrack.model.errors import UserError
from emotrack.model.whole_file import write_whole

SCHEMA = 1
MANIFEST, CHECK = "manifest.json", "check.safetensors"
_BUILDING = ".building-"


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
        return "was built for other shapes" if self.graph == other.graph else "is of another version of the network"


class Manifest(msgspec.Struct, frozen=True):
    """What lies beside an engine. `refusal` says why one was refused once; it is not built again then, and there is no engine."""

    origin: Origin
    parity: Parity | None
    build_seconds: float
    memory_bytes: int
    digests: dict[str, str]
    """SHA-256 of each file."""
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An engine that is kept."""

    folder: Path
    manifest: Manifest
    bytes: int
    """What it takes on the disk."""
    used: float
    """When it was last used, in Unix seconds."""

    @classmethod
    def read(cls, folder: Path) -> "Entry":
        """What lies in a folder; raises `Damaged` or `OSError`, the latter also where another process removes it meanwhile."""
        manifest = _read(folder)
        return cls(folder, manifest, sum(file.stat().st_size for file in folder.iterdir()), folder.stat().st_mtime)

    def check(self) -> tuple[Arrays, Arrays]:
        """Inputs, and the network's own outputs for them."""
        tensors = safetensors.numpy.load_file(self.folder / CHECK)
        inputs = {name.removeprefix("in."): array for name, array in tensors.items() if name.startswith("in.")}
        outputs = {name.removeprefix("out."): array for name, array in tensors.items() if name.startswith("out.")}
        return inputs, outputs


class Damaged(Exception):
    """An entry that is not what was once written."""


class EngineCache:
    """The folder of all engines; any number of processes may use it at once."""

    def __init__(self, folder: Path, limit_bytes: int, say: Callable[[str], None]) -> None:
        """Raises `UserError` where the folder cannot be made."""
        self.folder = folder
        self._limit = limit_bytes
        self._say = say
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The folder of compiled engines {folder} cannot be made ({error.strerror}): set engines.cache."
            ) from None

    def find(self, origin: Origin) -> Entry | None:
        """The engine of `origin`, its files checked; what is damaged is removed with a word."""
        folder = self.folder / origin.key
        if not folder.is_dir():
            return None
        try:
            entry = Entry.read(folder)
            if entry.manifest.origin != origin:
                raise Damaged(origin.difference(entry.manifest.origin))
            for name, digest in entry.manifest.digests.items():
                if file_digest(folder / name) != digest:
                    raise Damaged(f"is damaged ({name} is not as it was written)")
        except (Damaged, OSError) as problem:
            reason = str(problem) if isinstance(problem, Damaged) else f"cannot be read ({problem.strerror})"
            self.discard(origin, reason)
            return None
        with contextlib.suppress(OSError):  # of another user, perhaps
            os.utime(folder)
        return entry

    def discard(self, origin: Origin, reason: str) -> None:
        """Remove an engine that must not be used, and say why it is built again."""
        self._say(f"the {origin.backend} engine of {origin.network} {reason}, so it is built again.")
        shutil.rmtree(self.folder / origin.key, ignore_errors=True)

    @contextlib.contextmanager
    def building(self, origin: Origin) -> Iterator[Path]:
        """A folder to build in, while no other process builds the same; left behind by one that was killed, it is swept up."""
        with self._lock(origin):
            prefix = f"{_BUILDING}{origin.key}-"
            for left in self.folder.glob(f"{prefix}*"):
                shutil.rmtree(left, ignore_errors=True)
            try:
                folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self.folder))
            except OSError as error:
                raise self._unwritable(error) from None
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self, origin: Origin) -> Iterator[None]:
        lock = FileLock(self.folder / f"{origin.key}.lock")
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._say(f"another process builds the {origin.backend} engine of {origin.network}; waiting for it.")
                lock.acquire()
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            yield
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"Compiled engines cannot be kept in {self.folder} ({error.strerror}): set engines.cache to another folder."
        )

    def keep(self, folder: Path, manifest: Manifest, check: tuple[Arrays, Arrays] | None) -> Entry:
        """Put what was built in `folder` into its place, safely on the disk; `check` as `Entry.check` gives it."""
        if check is not None:
            tensors = {f"in.{name}": array for name, array in check[0].items()}
            tensors |= {f"out.{name}": array for name, array in check[1].items()}
            write_whole(folder / CHECK, safetensors.numpy.save(tensors))
        digests = {file.name: file_digest(file) for file in sorted(folder.iterdir())}
        whole = msgspec.structs.replace(manifest, digests=digests)
        write_whole(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(whole)))
        place = self.folder / manifest.origin.key
        shutil.rmtree(place, ignore_errors=True)
        try:
            for path in (*folder.iterdir(), folder):
                _flush(path)
            os.replace(folder, place)
            _flush(self.folder)
        except OSError as error:
            raise self._unwritable(error) from None
        self._sweep()
        self._make_room(place)
        return Entry.read(place)

    def entries(self) -> list[Entry]:
        """All engines, the one used last in front; what is damaged is left out."""
        found = []
        for folder in self.folder.iterdir():
            if folder.is_dir() and not folder.name.startswith("."):
                with contextlib.suppress(Damaged, OSError):
                    found.append(Entry.read(folder))
        return sorted(found, key=lambda entry: -entry.used)

    def clear(self) -> tuple[int, int]:
        """Remove all engines but those that are being built; how many there were, and their bytes."""
        entries = self.entries()
        for path in self.folder.iterdir():
            if path.is_dir() and not path.name.startswith(_BUILDING):
                shutil.rmtree(path, ignore_errors=True)
        self._sweep()
        return len(entries), sum(entry.bytes for entry in entries)

    def _sweep(self) -> None:
        """Remove what builders left that were killed: folders of engines that nobody builds now."""
        for left in self.folder.glob(f"{_BUILDING}*"):
            key = left.name.removeprefix(_BUILDING).partition("-")[0]
            lock = FileLock(self.folder / f"{key}.lock")
            with contextlib.suppress(Timeout, OSError):
                lock.acquire(timeout=0)
                try:
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    lock.release()

    def _make_room(self, newest: Path) -> None:
        entries = [entry for entry in self.entries() if entry.folder != newest]
        room = self._limit - sum(file.stat().st_size for file in newest.iterdir())
        for entry in entries:
            room -= entry.bytes
            if room < 0:
                shutil.rmtree(entry.folder, ignore_errors=True)

    def tell_what_changed(self, origin: Origin) -> None:
        """Say why an engine of the same network that is kept does not do."""
        for entry in self.entries():
            other = entry.manifest.origin
            if (other.network, other.backend, other.precision) == (origin.network, origin.backend, origin.precision):
                self._say(f"the {origin.backend} engine of {origin.network} {origin.difference(other)}, so it is built again.")
                return


def _read(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (msgspec.DecodeError, FileNotFoundError):
        raise Damaged("is damaged (its manifest cannot be read)") from None


def _flush(path: Path) -> None:
    """See to it that a file, or the list of files of a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
