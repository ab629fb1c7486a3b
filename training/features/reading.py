"""Reading one medium of a corpus' file through the tracker's own sources, and saying what is wrong with it."""

from dataclasses import replace
from pathlib import Path

from emotrack.model.errors import UserError
from emotrack.stream.media import Medium, MediumChange
from emotrack.stream.sources.file import FileSource, probe_file
from emotrack.stream.sources.settings import SourceSettings
from emotrack.training.corpora.records import LONGEST

TOO_LONG = f"it is longer than {LONGEST:g} s, which no utterance is"


class Unreadable(Exception):
    """A clip that cannot be used, with the reason."""


def open_medium(path: Path, medium: Medium) -> FileSource:
    """The sound or the picture of a file, alone; raises `Unreadable` where it has none that can be decoded."""
    try:
        source = probe_file(f"file:{path}", name="clip", description=path.name, settings=SourceSettings())
    except UserError as error:
        raise Unreadable(str(error)) from None
    if medium not in source.media:
        raise Unreadable(f"it has no {medium}")
    return replace(source, media=frozenset({medium}))


def spoilt(change: MediumChange, medium: Medium) -> str | None:
    """Why a medium that has gone down did so before its end; None where nothing is wrong."""
    if change.medium != medium or change.state != "down" or change.reason == "end of file":
        return None
    return change.reason
