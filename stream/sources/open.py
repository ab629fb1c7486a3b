"""From what the user writes to a source that is known to open."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from emotrack.model.errors import UserError
from emotrack.stream.media import Source
from emotrack.stream.sources.camera import open_camera
from emotrack.stream.sources.combined import CombinedSource
from emotrack.stream.sources.file import FileSource, probe_file
from emotrack.stream.sources.live import LiveSource
from emotrack.stream.sources.microphone import open_microphone
from emotrack.stream.sources.names import feed_name, participant, split_url, unique_names, without_credentials
from emotrack.stream.sources.network import SCHEMES, open_url
from emotrack.stream.sources.settings import SourceSettings

DEFAULTS = SourceSettings()


def open_source(text: str, *, name: str | None = None, settings: SourceSettings = DEFAULTS) -> Source:
    """The source that `text` means: a path, a URL, `camera:N`, `mic[:NAME]`, or several joined with `+`.

    It was opened once when this returns. Raises `UserError` when it cannot be.
    """
    parts = _parts(text)
    if name is None:
        name = "-".join(_name(part) for part in parts)
    if len(parts) == 1:
        return _open(text, name, settings)
    return CombinedSource(name, [_open(part, name, settings) for part in parts])


def open_sources(texts: Sequence[str], *, settings: SourceSettings = DEFAULTS) -> list[Source]:
    """The same for several feeds of one session, whose names differ; `alice=FILE` names one (but a file that is called so)."""
    named = [(None, text) if _exists(text) else participant(text) for text in texts]
    given = [name for name, _ in named if name is not None]
    if twice := [name for name in given if given.count(name) > 1]:
        raise UserError(f"Two sources are named {twice[0]}; give each participant another name.")
    found = iter(unique_names(["-".join(_name(part) for part in _parts(text)) for name, text in named if name is None], given))
    return [open_source(text, name=name or next(found), settings=settings) for name, text in named]


def _parts(text: str) -> list[str]:
    """Split at `+`; not within a path that exists, nor within a URL or a filter graph but before a device."""
    if _exists(text):
        return [text]
    if "://" in text or text.startswith("camera:lavfi:"):
        return re.split(r"\+(?=camera:|mic(?:$|[:+]))", text)
    return text.split("+")


def _open(text: str, name: str, settings: SourceSettings) -> FileSource | LiveSource:
    if text.startswith("camera:") and not _exists(text):
        device = text.removeprefix("camera:")
        return open_camera(device, name=name, description=text, settings=settings)
    if re.fullmatch(r"mic(:.*)?", text) and not _exists(text):
        return open_microphone(text.partition(":")[2], name=name, description=text, settings=settings)
    if "://" in text:
        scheme = split_url(text).scheme.lower()
        if scheme == "file":
            return _open_file(unquote(split_url(text).path), name, settings)
        if scheme not in SCHEMES:
            raise UserError(f"addresses with {scheme}:// cannot be read; give one of {', '.join(SCHEMES)}, or a file.")
        return open_url(text, name=name, description=without_credentials(text), settings=settings)
    return _open_file(text, name, settings)


def _open_file(text: str, name: str, settings: SourceSettings) -> FileSource:
    if not text or not _exists(text):
        raise UserError(f"there is no file {text!r}; check the path, or see `emotrack run --help` for what a source may be.")
    path = Path(text).expanduser()
    if path.is_dir():
        raise UserError(f"{text} is a directory; give a media file in it.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise UserError(f"{text} cannot be read ({error.strerror}); check its permissions.") from None
    if empty:
        raise UserError(f"{text} is empty; give a media file.")
    return probe_file(f"file:{path}", name=name, description=text, settings=settings)


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such user's home
        return False


def _name(text: str) -> str:
    """`camera0` for `camera:0`, `mic`, the stem of a file, the host of a URL."""
    if text.startswith("camera:lavfi:"):
        return "camera"
    if text.startswith("camera:"):
        return feed_name("camera" + text.removeprefix("camera:").removeprefix("/dev/"))
    if re.fullmatch(r"mic(:default)?", text):
        return "mic"
    if "://" in text:
        parts = split_url(text)
        return feed_name(Path(parts.path).stem or parts.netloc.rpartition("@")[2].partition(":")[0])
    return feed_name(text if text.startswith("mic:") else Path(text).stem)
