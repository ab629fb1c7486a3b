"""What a format makes, written where nothing is yet: personal data, for its owner only."""

import contextlib
import os
from pathlib import Path

from emotrack.errors import UserError
from emotrack.files import owner_only
from emotrack.notify import plain

Files = dict[str, bytes]
"""The content of each file by how its name ends; what stands before that is where it goes."""


def write_files(files: Files, base: str) -> list[Path]:
    """Write each file to a path that begins with `base` and ends as it says; gives the paths.

    All of them are written or none. Raises `UserError` where one of them is there already, and where it
    cannot be written.
    """
    paths = [Path(f"{base}{ending}") for ending in files]
    for path in paths:
        if os.path.lexists(path):
            raise UserError(f"{_named(path)} is there already: remove it, or give another path by --out.")
    written: list[Path] = []
    try:
        for path, content in zip(paths, files.values(), strict=True):
            with open(path, "xb", opener=owner_only) as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise UserError(
            f"{_named(path)} cannot be written ({error.strerror or error}): give another path by --out."
        ) from error
    return paths


def _named(path: Path) -> str:
    return plain(str(path))
