"""Files that are there whole or not at all, files that only their owner reads, and folders that one process
writes at a time."""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from emotrack.errors import UserError
from emotrack.notify import plain


def write_whole(path: Path, data: bytes) -> None:
    """Write `path` in one step: until `data` is safely on the disk, what was there before stays.

    Raises `UserError` where it cannot be written.
    """
    unfinished = path.with_name(path.name + ".new")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): make room there, or choose another folder."
        ) from None


def write_new(contents: Mapping[Path, bytes], option: str = "--out") -> None:
    """Write files that are not there yet, all of them or none, for their owner only.

    Raises `UserError` where one is there already or cannot be written; `option`: by which another name is
    given.
    """
    check_new(contents, option)
    written: list[Path] = []
    try:
        for path, content in contents.items():
            with open(path, "xb", opener=owner_only) as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        for one in written:
            with suppress(OSError):
                one.unlink()
        why = error.strerror or str(error)
        raise UserError(
            f"{plain(str(path))} cannot be written ({why}): give another path by {option}."
        ) from error


def check_new(paths: Iterable[Path], option: str = "--out") -> None:
    """Raise `UserError` where one of the files is there already, before anything is computed for it."""
    for path in paths:
        if os.path.lexists(path):
            raise UserError(
                f"{plain(str(path))} is there already: remove it, or give another path by {option}."
            )


def owner_only(path: str, flags: int) -> int:
    """An `opener` for `open`: a file that is made can be read by its owner only."""
    return os.open(path, flags, 0o600)


LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into `folder`, which is made; the lock goes with its process, however
    that ends.

    Raises `UserError` where another one is writing there, and where the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a")
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be used ({error.strerror}): give another.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"Another process is writing into {folder}; wait for it or choose another folder."
            ) from None
        yield


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read, which has an end: what is unpacked from elsewhere may be a pipe, or a link to a
    device. Raises OSError."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    return path.open("rb")


def file_digest(path: Path) -> str:
    """SHA-256 of a regular file as it is on the disk now; raises OSError."""
    found = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()
