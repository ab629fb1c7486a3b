"""Results in files that are new, for their owner only."""

from __future__ import annotations

import sys
from pathlib import Path

from emotrack.errors import UserError
from emotrack.files import owner_only
from emotrack.notify import plain


def check_new(path: Path, option: str = "--out") -> None:
    """Raises `UserError` where a file is there already, before anything is computed for it."""
    if path.exists() or path.is_symlink():
        raise UserError(f"{plain(str(path))} is there already: remove it, or give another name by {option}.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {plain(str(path.absolute().parent))}: make it, or give another.")


def write_new(path: Path, data: bytes, option: str = "--out") -> None:
    """Write a file that is not there yet; what cannot be written whole is taken away again.

    Raises `UserError` where it is there, or cannot be written.
    """
    check_new(path, option)
    try:
        with open(path, "xb", opener=owner_only) as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                path.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UserError(f"{plain(str(path))} cannot be written: {error.strerror or error}.") from error


def write_json(target: str, data: bytes) -> None:
    """Write to a new file, or to stdout where the target is `-`."""
    if target == "-":
        sys.stdout.write(data.decode())
    else:
        write_new(Path(target), data, option="--json")
