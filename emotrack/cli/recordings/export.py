"""`emotrack export`: a recording in a format of the trade."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack.cli.options import SessionOption
from emotrack.errors import UserError
from emotrack.notify import notify

NAMES = ("vtt", "srt", "eaf", "annotation", "emotionml", "csv", "parquet", "bids", "mcap", "rttm")
"""Those of `stream.wire.exports.formats`, which is imported only when it is needed."""
STANDARD_OUTPUT = "-"


def export(
    recording: Annotated[
        Path,
        typer.Argument(metavar="RECORDING", help="What `run --record` or `run --jsonl` wrote."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="|".join(NAMES), help="The format.")],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="Where it goes, with or without the format's suffix; a folder; or - for stdout, where it is "
            "one file of text. Beside the recording without it.",
        ),
    ] = None,
    session: SessionOption = None,
) -> None:
    """Write a recording in a format that other programs read.

    Nothing that is there already is written over.
    """
    from emotrack.stream.wire.exports.formats import FORMATS
    from emotrack.stream.wire.recordings.conversation import read_conversation

    if to not in FORMATS:
        raise UserError(f"There is no format {to}: give one of {', '.join(FORMATS)}.")
    chosen = FORMATS[to]
    on_stdout = str(out) == STANDARD_OUTPUT
    if on_stdout and not chosen.one_text:
        raise UserError(f"The format {to} is not one file of text, as standard output is: give --out a path.")
    conversation = read_conversation(recording, session)
    if on_stdout:
        (content,) = chosen.files(conversation).values()
        _print(content)
        return
    name = _name(recording, conversation.session, named=session is not None)
    if out is None:
        target = (recording if recording.is_dir() else recording.parent) / name
    else:
        target = out / name if os.path.isdir(out) else out
    written = chosen.write(conversation, target)
    notify(f"wrote {', '.join(map(str, written))}.")


def _print(content: bytes) -> None:
    """Write a file's content to standard output as it would stand in the file, whatever the locale is."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(content.decode())


def _name(recording: Path, session: str, *, named: bool) -> str:
    """What files are called where nobody says: as the recording is, or as its session where that was named
    or the recording is a folder."""
    if recording.is_dir():
        return session
    return f"{recording.stem}.{session}" if named else recording.stem
