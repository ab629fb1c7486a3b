"""Figures are measured once: each lies in a file that is named after all that decides it, and is believed from then on."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from emotrack.model.errors import UserError
from emotrack.model.whole_file import write_whole

R = TypeVar("R", bound=BaseModel)


def once(folder: Path, kind: type[R], decided_by: object, measure: Callable[[], R]) -> R:
    """The record that `folder` keeps under `decided_by` (plain data), or what `measure` gives, which is kept from then on.

    A file that is damaged, or was written by an emotrack whose records had other fields, is measured again. Raises `UserError`
    where nothing can be kept.
    """
    text = json.dumps([kind.__name__, kind.model_json_schema(), decided_by], sort_keys=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        measured = measure()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be used ({error.strerror}): give another.") from None
    write_whole(path, measured.model_dump_json().encode())
    return measured
