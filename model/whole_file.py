"""Files that are there whole or not at all, whenever the machine stops."""

import os
from pathlib import Path

from emotrack.model.errors import UserError


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
        raise UserError(f"{path} cannot be written ({error.strerror}): make room there, or choose another folder.") from None
