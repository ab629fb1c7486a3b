"""Archives of arrays (.npz), refused in one sentence where they are damaged or something else."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotrack.model.errors import UserError


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive by name; raises UserError where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise UserError(f"{path} is damaged or no archive of arrays; fetch it again.") from None
