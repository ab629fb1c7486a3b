"""Paths: files, and what looks like one but can be read only once."""

import errno
import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from emotrack.model.errors import UserError
from emotrack.stream.sources.file import FileSource, probe_file
from emotrack.stream.sources.names import shown
from emotrack.stream.sources.pipe import PipeSource, open_pipe
from emotrack.stream.sources.riff import wav_options
from emotrack.stream.sources.settings import SourceSettings

STANDARD_INPUT = "-"
DESCRIPTOR = re.compile(r"-|/dev/stdin|/(?:dev|proc/self)/fd/(?P<number>\d{1,9})")
"""Names of what the shell has opened already; a pipe among them must not be opened once more."""


def open_path(text: str, *, name: str, settings: SourceSettings, notify: Callable[[str], None]) -> FileSource | PipeSource:
    """The media at a path, or on stdin where it is `-`; raises `UserError`. `notify` is told what is waited for."""
    description = "standard input" if text == STANDARD_INPUT else shown(text)
    number = _descriptor(text)
    if number is None and (not text or not exists(text)):
        raise UserError(f"there is no file {description!r}; check the path, or see `emotrack run --help` for what a source may be.")
    path = Path(text).expanduser() if number is None else Path(f"/dev/fd/{number}")
    try:
        mode = os.stat(path if number is None else number).st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"{description} is a directory; give a media file in it.")
        if stat.S_ISREG(mode) or stat.S_ISBLK(mode):
            return _open_file(path, description, name, settings)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if number is None else os.dup(number)
    except OSError as error:
        if error.errno == errno.EBADF:
            raise UserError(f"{description} is closed; send a media file into it.") from None
        raise UserError(f"{description} cannot be read ({error.strerror}); check its permissions.") from None
    if os.isatty(descriptor):
        os.close(descriptor)
        raise UserError(f"{description} is a terminal; send a media file into it: `… | emotrack run -`.")
    named_pipe = number is None and stat.S_ISFIFO(mode)
    return open_pipe(descriptor, name=name, description=description, settings=settings, named=named_pipe, notify=notify)


def shared_pipe(texts: Sequence[str]) -> str | None:
    """The first of these sources that is a pipe which one before it is too, under whatever name: each would get a part of it."""
    seen: set[tuple[int, int]] = set()
    for text in texts:
        number = _descriptor(text)
        try:
            status = os.stat(Path(text).expanduser() if number is None else number)
        except (OSError, ValueError, RuntimeError):
            continue  # no path, or one that is refused elsewhere
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            if (status.st_dev, status.st_ino) in seen:
                return text
            seen.add((status.st_dev, status.st_ino))
    return None


def _descriptor(text: str) -> int | None:
    """The number of an open file that is meant by its name, or None."""
    named = DESCRIPTOR.fullmatch(text)
    return int(named["number"] or 0) if named else None


def _open_file(path: Path, description: str, name: str, settings: SourceSettings) -> FileSource:
    """Raises `UserError`, and OSError where it cannot be opened."""
    with path.open("rb") as file:
        if not file.read(1):
            raise UserError(f"{description} is empty; give a media file.")
    return probe_file(f"file:{path}", name=name, description=description, settings=settings, options=wav_options(path))


def exists(text: str) -> bool:
    """Whether there is anything at this path."""
    try:
        return text != "" and Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such user's home
        return False
