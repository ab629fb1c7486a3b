"""From what the user writes to sources that are known to open, or waited for."""

import errno
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from emotrack.errors import UserError
from emotrack.notify import Notify
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.combined import CombinedSource, FiniteSource
from emotrack.stream.sources.decoding.pcm import is_raw_sound, raw_sound
from emotrack.stream.sources.decoding.riff import wav_options
from emotrack.stream.sources.devices.camera import open_camera
from emotrack.stream.sources.devices.microphone import open_microphone
from emotrack.stream.sources.files.file import FileSource, probe_file
from emotrack.stream.sources.files.pipe import PipeSource, open_pipe
from emotrack.stream.sources.files.recorded.reading import RecordedSource, open_recorded
from emotrack.stream.sources.files.recorded.stamps import SUFFIX, recorded_in
from emotrack.stream.sources.live import LiveSource
from emotrack.stream.sources.media import Absent, Source, release
from emotrack.stream.sources.names import (
    feed_name,
    participant,
    shown,
    split_url,
    unique_names,
    without_credentials,
)
from emotrack.stream.sources.network import HOSTED, PORTED, SCHEMES, NetworkSource, open_url
from emotrack.stream.sources.pushed.whip import is_whip, open_whip, whip_address

STANDARD_INPUT = "-"
DESCRIPTOR = re.compile(r"-|/dev/stdin|/(?:dev|proc/self)/fd/(?P<number>\d{1,9})")
"""Names of what the shell has opened already; a pipe among them must not be opened once more."""


def open_path(
    text: str, *, name: str, settings: SourceSettings, notify: Notify
) -> FileSource | PipeSource | RecordedSource:
    """The media at a path, or on stdin where it is `-`; raises `UserError`. `notify` is told what is waited
    for."""
    description = "standard input" if text == STANDARD_INPUT else shown(text)
    number = _descriptor(text)
    if number is None and (not text or not exists(text)):
        raise UserError(
            f"there is no file {description!r}; check the path, or see `emotrack run --help` for what a "
            "source may be."
        )
    path = Path(text).expanduser() if number is None else Path(f"/dev/fd/{number}")
    try:
        mode = os.stat(path if number is None else number).st_mode
        if path.suffix == SUFFIX and stat.S_ISREG(mode):
            return open_recorded(path, name=name, description=description)
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
    return open_pipe(
        descriptor, name=name, description=description, settings=settings, named=named_pipe, notify=notify
    )


def open_raw(text: str, *, name: str, settings: SourceSettings, notify: Notify) -> PipeSource:
    """Raw samples on stdin, which `text` describes; raises `UserError`."""
    raw = raw_sound(text)
    try:
        descriptor = os.dup(0)
    except OSError:
        raise UserError(f"{raw.description} is closed; send raw samples into it.") from None
    if os.isatty(descriptor):
        os.close(descriptor)
        raise UserError(
            f"{raw.description} is a terminal; send raw samples into it: `… | emotrack run {text}`."
        )
    return open_pipe(
        descriptor,
        name=name,
        description=raw.description,
        settings=settings,
        named=False,
        notify=notify,
        raw=raw,
    )


def shared_pipe(texts: Sequence[str]) -> str | None:
    """The first of these sources that is a pipe which one before it is too, under whatever name: each would
    get a part of it."""
    seen: set[tuple[int, int]] = set()
    for text in texts:
        number = _descriptor(text)
        try:
            status = os.stat(Path(text).expanduser() if number is None else number)
        except (OSError, ValueError, RuntimeError):
            continue  # no path, or one that is refused elsewhere
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode) or _is_raw(text):
            if (status.st_dev, status.st_ino) in seen:
                return text
            seen.add((status.st_dev, status.st_ino))
    return None


def _descriptor(text: str) -> int | None:
    """The number of an open file that is meant by its name, or None."""
    if _is_raw(text):
        return 0
    named = DESCRIPTOR.fullmatch(text)
    return int(named["number"] or 0) if named else None


def _is_raw(text: str) -> bool:
    """Whether raw samples on stdin are meant."""
    return is_raw_sound(text) and not exists(text)


def _open_file(path: Path, description: str, name: str, settings: SourceSettings) -> FileSource:
    """Raises `UserError`, and OSError where it cannot be opened."""
    with path.open("rb") as file:
        if not file.read(1):
            raise UserError(f"{description} is empty; give a media file.")
    return probe_file(
        f"file:{path}", name=name, description=description, settings=settings, options=wav_options(path)
    )


def exists(text: str) -> bool:
    """Whether there is anything at this path."""
    try:
        return text != "" and Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such user's home
        return False


DEFAULTS = SourceSettings()


def open_source(text: str, *, name: str | None = None, settings: SourceSettings = DEFAULTS) -> Source:
    """The source that `text` means: a path, a URL, `camera:N`, `mic[:NAME]`, `-` for stdin, `pcm:RATE` for
    raw samples on it, `whip:PORT/NAME`, or several joined with `+`.

    It was opened once when this returns. Raises `UserError` when it, or a part of it, cannot be.
    """
    parts = [_SourcePart(part, name or source_name(text), settings) for part in _parts(text)]
    with ExitStack() as undo:
        undo.callback(_release, parts)
        for part in parts:
            part.open(_silent)
            if part.absent is not None:
                raise part.absent
        source = _joined(parts)
        undo.pop_all()
    return source


def open_sources(
    texts: Sequence[str], *, settings: SourceSettings = DEFAULTS, notify: Notify | None = None
) -> list[Source]:
    """The same for several feeds of one session, whose names differ; live ones need not be there yet.

    `alice=FILE` names one (but a file that is called so). A folder of media that a session kept is all of its
    sources. Where any is there the session can begin: the
    others are told down, and tried again, once it runs. Where none is, this waits for one as long as
    `settings.start_seconds`. `notify` is told what is waited for. Raises `UserError`.
    """
    notify = notify or _silent
    texts = [one for text in texts for one in _kept(text)]
    named = [(None, text) if exists(text) else participant(text) for text in texts]
    given = [name for name, _ in named if name is not None]
    if twice := [name for name in given if given.count(name) > 1]:
        raise UserError(f"Two sources are named {twice[0]}; give each participant another name.")
    found = iter(unique_names([source_name(text) for name, text in named if name is None], given))
    feeds = [
        [_SourcePart(part, name, settings) for part in _parts(text)]
        for name, text in ((name or next(found), text) for name, text in named)
    ]
    parts = [part for feed in feeds for part in feed]
    if (shared := shared_pipe([part.text for part in parts])) is not None:
        raise UserError(f"{shown(shared)} is given twice, but can be read only once; name another source.")
    with ExitStack() as undo:
        undo.callback(_release, parts)
        _wait_for(parts, settings, notify)
        sources = [_joined(feed) for feed in feeds]
        undo.pop_all()
    return sources


def _kept(text: str) -> list[str]:
    """The sources that are meant: one, but for a folder of media that a session kept."""
    if not exists(text) or not (folder := Path(text).expanduser()).is_dir():
        return [text]
    return [str(path) for path in recorded_in(folder)] or [text]


def _wait_for(parts: "Sequence[_SourcePart]", settings: SourceSettings, notify: Notify) -> None:
    """Open all, again and again until one at least is there; raises `UserError` when none was in time."""
    deadline, told = time.monotonic() + settings.start_seconds, False
    while True:
        _side_by_side(
            [partial(part.open, notify) for part in parts]
        )  # each that does not answer costs its whole time limit
        absent = [part.absent for part in parts if part.absent is not None]
        if not absent or len(absent) < len(parts):
            break
        if time.monotonic() >= deadline:
            raise absent[0]
        if not told:
            told = True
            notify(f"{str(absent[0]).rstrip('.')}; trying again, for {settings.start_seconds:g} s at most.")
        time.sleep(min(settings.retry_first, max(0.0, deadline - time.monotonic())))
    for reason in absent:
        notify(f"{str(reason).rstrip('.')}; it is tried again while the others are tracked.")


def _side_by_side(calls: Sequence[Callable[[], None]]) -> None:
    """Call them all, each on its own thread, which an interrupt leaves behind; raises what the first that
    failed raised."""
    failures: dict[int, BaseException] = {}

    def run(number: int, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as failure:  # noqa: BLE001 - raised again on the caller's thread
            failures[number] = failure

    threads = [
        threading.Thread(target=run, args=pair, name="opening", daemon=True) for pair in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[min(failures)]


@dataclass
class _SourcePart:
    """What the user wrote between two `+`, on its way to a source."""

    text: str
    name: str
    settings: SourceSettings
    source: FiniteSource | LiveSource | None = None
    absent: Absent | None = None
    """Why it is not there, where it is not."""

    def open(self, notify: Notify) -> None:
        """Try to open it unless it is open; raises `UserError` when it never will be."""
        if self.source is not None and self.absent is None:
            return
        try:
            if self.source is None:
                self.source = self._device() or self._opened(notify)
            if not isinstance(self.source, FiniteSource):
                self.source.check()
            self.absent = None
        except Absent as absent:
            self.absent = absent

    def _device(self) -> LiveSource | None:
        if self.text.startswith("camera:") and not exists(self.text):
            device = self.text.removeprefix("camera:")
            return open_camera(device, name=self.name, description=self.text, settings=self.settings)
        if re.fullmatch(r"mic(:.*)?", self.text) and not exists(self.text):
            return open_microphone(
                self.text.partition(":")[2], name=self.name, description=self.text, settings=self.settings
            )
        if is_whip(self.text) and not exists(self.text):
            return open_whip(self.text, name=self.name, settings=self.settings)
        return None

    def _opened(self, notify: Notify) -> FiniteSource | LiveSource:
        if _is_raw(self.text):
            return open_raw(self.text, name=self.name, settings=self.settings, notify=notify)
        if "://" not in self.text:
            return open_path(self.text, name=self.name, settings=self.settings, notify=notify)
        parts = split_url(self.text)
        scheme = parts.scheme.lower()
        if scheme not in SCHEMES:
            raise UserError(
                f"addresses with {scheme}:// cannot be read; give one of {', '.join(SCHEMES)}, or a file."
            )
        lacks = (
            "host"
            if scheme in HOSTED and not parts.hostname
            else "port"
            if scheme in PORTED and not parts.port
            else None
        )
        if lacks is not None:
            raise UserError(
                f"{without_credentials(self.text)} names no {lacks}; write {scheme}://host:port/path."
            )
        return open_url(
            _address(self.text),
            name=self.name,
            description=without_credentials(self.text),
            settings=self.settings,
        )

    def expected(self) -> FiniteSource | LiveSource:
        """The source, also where it is not there yet."""
        if self.source is not None:
            return self.source
        description = without_credentials(self.text)
        return NetworkSource(self.name, description, _address(self.text), self.settings, None)


def _release(parts: Sequence[_SourcePart]) -> None:
    """Let go of what is open of them: the start has failed."""
    release(part.source for part in parts)


def _joined(parts: Sequence[_SourcePart]) -> Source:
    sources = [part.expected() for part in parts]
    return sources[0] if len(sources) == 1 else CombinedSource(parts[0].name, sources)


def _address(url: str) -> str:
    """The URL as FFmpeg wants it: it knows schemes in small letters only."""
    scheme, colon, rest = url.partition(":")
    return scheme.lower() + colon + rest


def _silent(_: str) -> None:
    pass


def _parts(text: str) -> list[str]:
    """Split at `+`; not within a path that exists, nor within a URL or a filter graph but before a device.

    Raises `UserError` where a part is empty.
    """
    if exists(text):
        return [text]
    if "://" in text or text.startswith("camera:lavfi:"):
        return [_local(part) for part in re.split(r"\+(?=camera:|mic(?:$|[:+]))", text)]
    parts = text.split("+")
    if not all(parts):
        raise UserError(
            f"{text!r} names no source{' beside a +' if text else ''}; write a file, a URL or camera:0+mic."
        )
    return parts


def _local(text: str) -> str:
    """The path that a URL with file:// means; other addresses as they are."""
    return unquote(split_url(text).path) if text.lower().startswith("file://") else text


def source_name(text: str) -> str:
    """Name of the feed of what the user wrote, not yet told apart from others."""
    return "-".join(_name(part) for part in _parts(text))


def _name(text: str) -> str:
    """`camera0` for `camera:0`, `mic`, the stem of a file, the host of a URL, `stdin`."""
    if text.startswith("camera:lavfi:"):
        return "camera"
    if text.startswith("camera:"):
        return feed_name("camera" + text.removeprefix("camera:").removeprefix("/dev/"))
    if re.fullmatch(r"mic(:default)?", text):
        return "mic"
    if "://" in text:
        parts = split_url(text)
        return feed_name(unquote(Path(parts.path).stem) or parts.netloc.rpartition("@")[2].partition(":")[0])
    if _is_raw(text):
        return "stdin"
    if is_whip(text) and not exists(text):
        return whip_address(text).room
    if named := DESCRIPTOR.fullmatch(text):
        return "pipe" if named["number"] else "stdin"
    return feed_name(text if text.startswith("mic:") else Path(text).stem)
