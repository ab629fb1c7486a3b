"""The messages of a recording, one after the other, as they were published.

A recording is an MCAP file, a file of JSON lines, or a folder that holds such (`emotrack run --record`). A
file may hold several sessions, one after the other. One that breaks off is read up to there.
"""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from emotrack.errors import UserError
from emotrack.notify import plain
from emotrack.stream.wire.protocol.encoding import BadMessage, decode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.forms import LARGEST_LINE, LINE_BEGINS
from emotrack.stream.wire.publish.mcap import MAGIC, SUFFIX
from emotrack.stream.wire.recordings.mcap import DamagedMcap, payloads

SUFFIXES = (SUFFIX, ".jsonl")
NAMED = 5
"""Sessions that are listed where one has to be named."""


def read_messages(path: Path, session: str | None = None) -> Iterator[Message]:
    """The messages of one session of a recording, in order, each once.

    `session` names it where the recording holds several. A last line that was never finished is left out.
    Raises `UserError` where there is no recording, where it is damaged, where it holds several sessions and
    none is named, or not the one that is.
    """
    files = _files(path)
    if session is None:
        found = list(dict.fromkeys(message.session for message in chain.from_iterable(map(read_file, files))))
        if not found:
            raise UserError(f"{_named(path)} is a recording without any message.")
        if len(found) > 1:
            last = ", ".join(found[-NAMED:])
            raise UserError(f"{_named(path)} holds {len(found)} sessions: name one by --session ({last}).")
        (session,) = found
    return _of_session(files, session, path)


def _of_session(files: list[Path], session: str, path: Path) -> Iterator[Message]:
    seq = 0
    for message in chain.from_iterable(map(read_file, files)):
        if (
            message.session == session and message.seq > seq
        ):  # what was written twice after a crash comes once
            seq = message.seq
            yield message
    if seq == 0:
        raise UserError(f"{_named(path)} holds no session {plain(session)}.")


def _files(path: Path) -> list[Path]:
    if not os.path.exists(path):  # a name that is too long is none
        raise UserError(f"There is no recording {_named(path)}.")
    if not path.is_dir():
        return [path]
    if found := sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.is_file()):
        return found
    raise UserError(f"{_named(path)} holds no recording: `emotrack run SOURCE --record DIR` makes one.")


def read_file(path: Path) -> Iterator[Message]:
    """Every message of one file, as it stands there, of whatever session; raises `UserError` where it is
    damaged or no recording."""
    number = 0
    try:
        with path.open("rb") as file:
            for payload in _payloads(path, file):
                message = decode(payload)
                number += 1
                yield message
    except (BadMessage, DamagedMcap) as error:
        where = f"behind its first {number} messages" if number else "from the beginning"
        raise UserError(f"{_named(path)} is damaged {where}: {plain(str(error)).rstrip('.')}.") from error
    except OSError as error:
        raise UserError(f"{_named(path)} cannot be read: {error.strerror or error}.") from error


def _payloads(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    """The JSON of each message, whatever the file's form."""
    head = file.read(max(map(len, _FORMS)))
    file.seek(0)
    for beginning, payloads_of in _FORMS.items():
        if beginning.startswith(head[: len(beginning)]):
            return payloads_of(file)
    raise UserError(f"{_named(path)} is no recording of emotrack.")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while (line := file.readline(LARGEST_LINE + 1)).endswith(b"\n"):
        yield line
    if len(line) > LARGEST_LINE:
        raise BadMessage("its next line is too long.")


_FORMS: dict[bytes, Callable[[IO[bytes]], Iterator[bytes]]] = {LINE_BEGINS: _lines, MAGIC: payloads}
"""By what each begins with."""


def _named(path: Path) -> str:
    return plain(str(path))
