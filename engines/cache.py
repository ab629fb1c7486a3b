"""Compiled engines on disk: one folder an engine, named by everything that it depends on.

A folder is there whole or not at all, whenever the machine stops; one that was damaged is thrown away with a word and built anew.
Two processes that want the same engine build it once. What was not used for longest goes when there is too much.
"""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from emotrack.engines.cache_entry import Damaged, Entry, Manifest, Origin
from emotrack.engines.spec import Arrays
from emotrack.model.errors import UserError

_BUILDING = ".building-"


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
        """The engine of `origin`, to be used now; what is damaged is removed with a word."""
        try:
            entry = self._whole(origin)
        except (Damaged, OSError) as problem:
            reason = str(problem) if isinstance(problem, Damaged) else f"cannot be read ({problem.strerror})"
            self.discard(origin, reason)
            return None
        if entry is not None:
            with contextlib.suppress(OSError):  # of another user, perhaps
                os.utime(entry.folder)
        return entry

    def look(self, origin: Origin) -> Entry | None:
        """The engine of `origin` where there is a whole one; nothing is touched."""
        try:
            return self._whole(origin)
        except (Damaged, OSError):
            return None

    def _whole(self, origin: Origin) -> Entry | None:
        folder = self.folder / origin.key
        if not folder.is_dir():
            return None
        entry = Entry.read(folder)
        entry.require(origin)
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
            except OSError as error:  # the disk is full
                raise self._unwritable(error) from error
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
            f"Compiled engines cannot be kept in {self.folder} ({error.strerror or error}): set engines.cache to another folder."
        )

    def keep(self, folder: Path, manifest: Manifest, check: tuple[Arrays, Arrays] | None) -> Entry:
        """Put what was built in a folder of `building` into its place, safely on the disk; `check` as `Entry.check` gives it."""
        Entry.write(folder, manifest, check)
        entry = Entry.read(folder)
        place = self.folder / manifest.origin.key
        shutil.rmtree(place, ignore_errors=True)
        for path in (*folder.iterdir(), folder):
            _flush(path)
        os.replace(folder, place)
        _flush(self.folder)
        self._sweep()
        self._make_room(place, entry.bytes)
        return dataclasses.replace(entry, folder=place)

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

    def _make_room(self, newest: Path, taken: int) -> None:
        """Remove what was not used for longest until all that is left fits; the newest, which takes so many bytes, stays."""
        entries = [entry for entry in self.entries() if entry.folder != newest]
        room = self._limit - taken
        for entry in entries:
            room -= entry.bytes
            if room < 0:
                origin, limit = entry.manifest.origin, self._limit / 1e9
                self._say(
                    f"the {origin.backend} engine of {origin.network}, unused for longest, is removed: compiled engines may take "
                    f"{limit:g} GB (engines.cache_gigabytes)."
                )
                shutil.rmtree(entry.folder, ignore_errors=True)

    def tell_what_changed(self, origin: Origin) -> None:
        """Say why an engine of the same network that is kept does not do."""
        for entry in self.entries():
            other = entry.manifest.origin
            if (other.network, other.backend, other.precision) == (origin.network, origin.backend, origin.precision):
                reason = origin.difference(other)
                self._say(f"the {origin.backend} engine of {origin.network} that is kept {reason}, so another is built.")
                return


def _flush(path: Path) -> None:
    """See to it that a file, or the list of files of a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
