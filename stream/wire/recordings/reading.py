"""The messages of a recording, one after the other, as they were published.

A recording is a file of JSON lines (`emotrack run --jsonl`), or a folder that holds recordings (`--record`).
A file may hold several sessions, one after the other.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from emotrack.errors import UserError
from emotrack.notify import plain
from emotrack.stream.wire.protocol.encoding import BadMessage, decode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.recording import LARGEST_LINE, LINE_BEGINS

SUFFIXES = (".jsonl",)
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
        found = list(dict.fromkeys(message.session for message in chain.from_iterable(map(_read, files))))
        if not found:
            raise UserError(f"{_named(path)} is a recording without any message.")
        if len(found) > 1:
            last = ", ".join(found[-NAMED:])
            raise UserError(f"{_named(path)} holds {len(found)} sessions: name one by --session ({last}).")
        (session,) = found
    return _of_session(files, session, path)


def _of_session(files: list[Path], session: str, path: Path) -> Iterator[Message]:
    seq = 0
    for message in chain.from_iterable(map(_read, files)):
        if (
            message.session == session and message.seq > seq
        ):  # what was written twice after a crash comes once
            seq = message.seq
            yield message
    if seq == 0:
        raise UserError(f"{_named(path)} holds no session {plain(session)}.")


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"There is no recording {_named(path)}.")
    if not path.is_dir():
        return [path]
    if found := sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.is_file()):
        return found
    raise UserError(f"{_named(path)} holds no recording: `emotrack run SOURCE --record DIR` makes one.")


def _read(path: Path) -> Iterator[Message]:
    try:
        with path.open("rb") as file:
            if not LINE_BEGINS.startswith(file.read(len(LINE_BEGINS))):
                raise UserError(f"{_named(path)} is no recording of emotrack.")
            file.seek(0)
            for number in range(1, 1 << 62):
                line = file.readline(LARGEST_LINE + 1)
                if not line.endswith(b"\n"):
                    if len(line) > LARGEST_LINE:
                        raise UserError(f"{_named(path)} is damaged at line {number}: it is too long.")
                    return
                try:
                    yield decode(line)
                except BadMessage as error:
                    raise UserError(
                        f"{_named(path)} is damaged at line {number}: {plain(str(error))}"
                    ) from error
    except OSError as error:
        raise UserError(f"{_named(path)} cannot be read: {error.strerror or error}.") from error


def _named(path: Path) -> str:
    return plain(str(path))
