"""Compiled engines on disk: one folder an engine, named by everything that it depends on.

A folder is there whole or not at all, whenever the machine stops; one that was damaged is thrown away with a
word and built anew. Two processes that want the same engine build it once. What was not used for longest goes
when there is too much.
"""

import atexit
import contextlib
import dataclasses
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from emotrack.engines.cache.entry import Damaged, EngineManifest, Entry, Origin
from emotrack.engines.contract.spec import Arrays
from emotrack.errors import UserError
from emotrack.notify import Notify

_BUILDING = ".building-"
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
"""What making something in a folder fails with that may be read, at most."""
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
"""What writing to a file that is open fails with; a library that does not load has no such number."""

_stand_ins: dict[Path, Path] = {}
"""For folders that may not be written, the temporary one in their place: one for all caches of the
process."""


class EngineCache:
    """The folder of all engines; any number of processes may use it at once."""

    def __init__(self, folder: Path, limit_bytes: int, notify: Notify, *, named: bool = True) -> None:
        """`named`: by the user, rather than where such things go by default.

        Where the folder may not be written, what is compiled is kept in a temporary one, which goes with the
        process. Where it cannot be made or written for another reason, so it is unless the user named it:
        then `UserError` is raised.
        """
        self.folder = folder
        self._limit = limit_bytes
        self._notify = notify
        self._named = named
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            if self._may_be_stood_in_for(error):
                return
            raise UserError(
                f"The folder of compiled engines {folder} cannot be made ({error.strerror}): set "
                "engines.cache."
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
        for place in self._places():
            folder = place / origin.key
            if folder.is_dir():
                entry = Entry.read(folder)
                entry.require(origin)
                return entry
        return None

    def discard(self, origin: Origin, reason: str) -> None:
        """Remove an engine that must not be used, and say why it is built again."""
        self._notify(f"the {origin.backend} engine of {origin.network} {reason}, so it is built again.")
        for place in self._places():
            shutil.rmtree(place / origin.key, ignore_errors=True)

    def _places(self) -> list[Path]:
        """Where engines are kept: what was compiled in this process for want of a folder that can be written
        in front."""
        stand_in = _stand_ins.get(self.folder)
        return [self.folder] if stand_in is None else [stand_in, self.folder]

    def _may_be_stood_in_for(self, error: OSError) -> bool:
        """Whether a temporary folder does where making or writing this one fails so."""
        return not self._named or error.errno in _FORBIDDEN

    def _writable(self) -> Path:
        """Where engines are built and kept: the folder, or where that cannot be a private one that goes with
        this process."""
        if self.folder in _stand_ins:
            return _stand_ins[self.folder]
        try:
            with tempfile.TemporaryFile(dir=self.folder):
                return self.folder
        except OSError as error:
            if not self._may_be_stood_in_for(error) and not isinstance(error, FileNotFoundError):
                raise self._unwritable(error) from None
            stand_in = Path(tempfile.mkdtemp(prefix="emotrack-engines-"))
            atexit.register(shutil.rmtree, stand_in, ignore_errors=True)
            _stand_ins[self.folder] = stand_in
            self._notify(
                f"compiled engines cannot be kept in {self.folder} ({error.strerror}), so they go when "
                "this process ends: set engines.cache to a folder that can be written."
            )
            return stand_in

    @contextlib.contextmanager
    def building(self, origin: Origin) -> Iterator[Path]:
        """A folder to build in, while no other process builds the same; left behind by one that was killed,
        it is swept up."""
        place = self._writable()
        with self._lock(origin, place):
            prefix = f"{_BUILDING}{origin.key}-"
            for left in place.glob(f"{prefix}*"):
                shutil.rmtree(left, ignore_errors=True)
            try:
                folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
            except OSError as error:
                raise self._unwritable(error) from None
            try:
                yield folder
            except OSError as error:
                if not self.is_at_fault(error):
                    raise
                raise self._unwritable(error) from error
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self, origin: Origin, place: Path) -> Iterator[None]:
        lock = FileLock(place / f"{origin.key}.lock")
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._notify(
                    f"another process builds the {origin.backend} engine of {origin.network}; waiting for it."
                )
                lock.acquire()
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            yield
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"Compiled engines cannot be kept in {self.folder} ({error.strerror or error}): set "
            "engines.cache to another folder."
        )

    def is_at_fault(self, error: OSError) -> bool:
        """Whether an error is of this folder: of a path in it, or of its disk, for which no path is named."""
        if isinstance(error.filename, str | bytes):
            return any(Path(os.fsdecode(error.filename)).is_relative_to(place) for place in self._places())
        return error.errno in _OF_THE_DISK

    def keep(self, folder: Path, manifest: EngineManifest, check: tuple[Arrays, Arrays] | None) -> Entry:
        """Put what was built in a folder of `building` into its place, safely on the disk; `check` as
        `Entry.check` gives it."""
        Entry.write(folder, manifest, check)
        entry = Entry.read(folder)
        place = folder.parent / manifest.origin.key
        shutil.rmtree(place, ignore_errors=True)
        for path in (*folder.iterdir(), folder):
            _flush(path)
        os.replace(folder, place)
        _flush(place.parent)
        self._sweep(place.parent)
        self._make_room(place, entry.bytes)
        return dataclasses.replace(entry, folder=place)

    def entries(self) -> list[Entry]:
        """All engines, the one used last in front; what is damaged is left out."""
        found = []
        for folder in self._folders():
            if not folder.name.startswith("."):
                with contextlib.suppress(Damaged, OSError):
                    found.append(Entry.read(folder))
        return sorted(found, key=lambda entry: -entry.used)

    def clear(self) -> tuple[int, int]:
        """Remove all engines but those that are being built; how many there were, and their bytes."""
        entries = self.entries()
        for folder in self._folders():
            if not folder.name.startswith(_BUILDING):
                shutil.rmtree(folder, ignore_errors=True)
        for place in self._places():
            self._sweep(place)
        return len(entries), sum(entry.bytes for entry in entries)

    def _folders(self) -> list[Path]:
        """Of engines, and of such as are being built."""
        return [
            folder
            for place in self._places()
            if place.is_dir()
            for folder in place.iterdir()
            if folder.is_dir()
        ]

    def _sweep(self, place: Path) -> None:
        """Remove what builders left in `place` that were killed: folders of engines that nobody builds
        now."""
        for left in place.glob(f"{_BUILDING}*"):
            key = left.name.removeprefix(_BUILDING).partition("-")[0]
            lock = FileLock(place / f"{key}.lock")
            with contextlib.suppress(Timeout, OSError):
                lock.acquire(timeout=0)
                try:
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    lock.release()

    def _make_room(self, newest: Path, taken: int) -> None:
        """Remove what was not used for longest until all that is left fits; the newest, which takes so many
        bytes, stays."""
        entries = [
            entry
            for entry in self.entries()
            if entry.folder.parent == newest.parent and entry.folder != newest
        ]
        room = self._limit - taken
        for entry in entries:
            room -= entry.bytes
            if room < 0:
                origin, limit = entry.manifest.origin, self._limit / 1e9
                self._notify(
                    f"the {origin.backend} engine of {origin.network}, unused for longest, is removed: "
                    f"compiled engines may take {limit:g} GB (engines.cache_gigabytes)."
                )
                shutil.rmtree(entry.folder, ignore_errors=True)

    def tell_what_changed(self, origin: Origin) -> None:
        """Say why an engine of the same network that is kept does not do."""
        for entry in self.entries():
            other = entry.manifest.origin
            if (other.network, other.backend, other.precision) == (
                origin.network,
                origin.backend,
                origin.precision,
            ):
                reason = origin.difference(other)
                self._notify(
                    f"the {origin.backend} engine of {origin.network} that is kept {reason}, so another is "
                    "built."
                )
                return


def _flush(path: Path) -> None:
    """See to it that a file, or the list of files of a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
