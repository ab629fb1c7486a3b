"""From what the user writes to sources that are known to open, or waited for."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from emotrack.model.errors import UserError
from emotrack.stream.media import Absent, Source, release
from emotrack.stream.sources.camera import open_camera
from emotrack.stream.sources.combined import CombinedSource, FiniteSource
from emotrack.stream.sources.live import LiveSource
from emotrack.stream.sources.local import DESCRIPTOR, exists, open_path, shared_pipe
from emotrack.stream.sources.microphone import open_microphone
from emotrack.stream.sources.names import feed_name, participant, shown, split_url, unique_names, without_credentials
from emotrack.stream.sources.network import HOSTED, PORTED, SCHEMES, NetworkSource, open_url
from emotrack.stream.sources.settings import SourceSettings

DEFAULTS = SourceSettings()

Notify = Callable[[str], None]
"""Is told a sentence for the user."""


def open_source(text: str, *, name: str | None = None, settings: SourceSettings = DEFAULTS) -> Source:
    """The source that `text` means: a path, a URL, `camera:N`, `mic[:NAME]`, `-` for stdin, or several joined with `+`.

    It was opened once when this returns. Raises `UserError` when it, or a part of it, cannot be.
    """
    parts = [_Part(part, name or source_name(text), settings) for part in _parts(text)]
    with ExitStack() as undo:
        undo.callback(_release, parts)
        for part in parts:
            part.open(_silent)
            if part.absent is not None:
                raise part.absent
        source = _joined(parts)
        undo.pop_all()
    return source


def open_sources(texts: Sequence[str], *, settings: SourceSettings = DEFAULTS, notify: Notify | None = None) -> list[Source]:
    """The same for several feeds of one session, whose names differ; live ones need not be there yet.

    `alice=FILE` names one (but a file that is called so). Where any is there the session can begin: the others are told
    down, and tried again, once it runs. Where none is, this waits for one as long as `settings.start_seconds`. `notify` is
    told what is waited for. Raises `UserError`.
    """
    notify = notify or _silent
    named = [(None, text) if exists(text) else participant(text) for text in texts]
    given = [name for name, _ in named if name is not None]
    if twice := [name for name in given if given.count(name) > 1]:
        raise UserError(f"Two sources are named {twice[0]}; give each participant another name.")
    found = iter(unique_names([source_name(text) for name, text in named if name is None], given))
    feeds = [
        [_Part(part, name, settings) for part in _parts(text)]
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


def _wait_for(parts: "Sequence[_Part]", settings: SourceSettings, notify: Notify) -> None:
    """Open all, again and again until one at least is there; raises `UserError` when none was in time."""
    deadline, told = time.monotonic() + settings.start_seconds, False
    while True:
        _side_by_side([partial(part.open, notify) for part in parts])  # each that does not answer costs its whole time limit
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
    """Call them all, each on its own thread, which an interrupt leaves behind; raises what the first that failed raised."""
    failures: dict[int, BaseException] = {}

    def run(number: int, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as failure:  # noqa: BLE001 - raised again on the caller's thread
            failures[number] = failure

    threads = [threading.Thread(target=run, args=pair, name="opening", daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[min(failures)]


@dataclass
class _Part:
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
            return open_microphone(self.text.partition(":")[2], name=self.name, description=self.text, settings=self.settings)
        return None

    def _opened(self, notify: Notify) -> FiniteSource | LiveSource:
        if "://" not in self.text:
            return open_path(self.text, name=self.name, settings=self.settings, notify=notify)
        parts = split_url(self.text)
        scheme = parts.scheme.lower()
        if scheme not in SCHEMES:
            raise UserError(f"addresses with {scheme}:// cannot be read; give one of {', '.join(SCHEMES)}, or a file.")
        lacks = "host" if scheme in HOSTED and not parts.hostname else "port" if scheme in PORTED and not parts.port else None
        if lacks is not None:
            raise UserError(f"{without_credentials(self.text)} names no {lacks}; write {scheme}://host:port/path.")
        return open_url(_address(self.text), name=self.name, description=without_credentials(self.text), settings=self.settings)

    def expected(self) -> FiniteSource | LiveSource:
        """The source, also where it is not there yet."""
        if self.source is not None:
            return self.source
        description = without_credentials(self.text)
        return NetworkSource(self.name, description, _address(self.text), self.settings, None)


def _release(parts: Sequence[_Part]) -> None:
    """Let go of what is open of them: the start has failed."""
    release(part.source for part in parts)


def _joined(parts: Sequence[_Part]) -> Source:
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
        raise UserError(f"{text!r} names no source{' beside a +' if text else ''}; write a file, a URL or camera:0+mic.")
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
    if named := DESCRIPTOR.fullmatch(text):
        return "pipe" if named["number"] else "stdin"
    return feed_name(text if text.startswith("mic:") else Path(text).stem)
