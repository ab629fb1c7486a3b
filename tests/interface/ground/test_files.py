"""A file written in one step is the old one or the new one, never half of either."""

import errno
import os
from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.files import write_whole


def test_what_was_there_stays_until_all_of_the_new_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UserError, match=r"file cannot be written \(No space left on device\)"):
            write_whole(path, b"a new content")
    assert path.read_bytes() == b"old"
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["file"]
