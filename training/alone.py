"""One process at a time in a folder that is written over hours: a store, a run, an evaluation."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emotrack.model.errors import UserError

LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into `folder`, which is made; the lock goes with its process, however that ends.

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
            raise UserError(f"Another process is writing into {folder}; wait for it or choose another folder.") from None
        yield
