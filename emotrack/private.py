"""Files that hold what people said or how they looked."""

import os


def owner_only(path: str, flags: int) -> int:
    """An `opener` for `open`: a file that is made can be read by its owner only."""
    return os.open(path, flags, 0o600)
