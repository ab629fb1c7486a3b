"""A participant who publishes over WebRTC, as a source: `whip:8889/alice` is whoever posts an offer to
http://127.0.0.1:8889/alice, from a browser, OBS or another WHIP client.

Who leaves is down, and up again when they come back. The paths of one port share its listener.
"""

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotrack.errors import UserError, first_line, import_problem
from emotrack.notify import shorten
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.live import Captured
from emotrack.stream.sources.media import MEDIA, MediaItem, Medium
from emotrack.stream.sources.names import LONGEST_TOLD
from emotrack.stream.sources.pushed.inbox import Inbox
from emotrack.stream.sources.timing.clock import SessionClock

if TYPE_CHECKING:
    from emotrack.stream.sources.pushed.whip_server import WhipServer

PREFIX = "whip:"
LOOPBACK = "127.0.0.1"
ADDRESS = re.compile(
    r"whip:(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):)?(?P<port>[0-9]{1,5})(?:/(?P<room>[A-Za-z0-9_-]{1,64}))?"
)
SHORTEST_TOKEN = 16
LONGEST_TOKEN = 512


@dataclass(frozen=True, slots=True)
class WhipAddress:
    """Where a participant is awaited."""

    host: str
    port: int
    room: str

    def url(self, port: int) -> str:
        """What publishers are told; `port` is the one that was found, where any was asked for."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}/{self.room}"


def whip_address(text: str) -> WhipAddress:
    """What `whip:[HOST:]PORT[/NAME]` says; raises `UserError`."""
    found = ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise UserError(
            f"{shorten(text, LONGEST_TOLD)!r} says not where a participant publishes; write "
            "whip:[HOST:]PORT[/NAME], such as alice=whip:8889/alice."
        )
    return WhipAddress((found["host"] or LOOPBACK).strip("[]"), int(found["port"]), found["room"] or "whip")


class WhipSource:
    """One participant; the port is listened at from `check` on."""

    live = True
    media: frozenset[Medium] = frozenset(MEDIA)

    def __init__(self, name: str, address: WhipAddress, settings: SourceSettings) -> None:
        self.name = name
        self.description = f"WHIP at {address.url(address.port)}"
        self.url = address.url(address.port)
        """Where to publish, once `check` was called."""
        self._address = address
        self._settings = settings
        self._inbox = Inbox(settings, one_clock=False)  # each track of RTP has a clock of its own
        self._door: _Door | None = None

    def check(self) -> None:
        """Listen, so that publishers may come; raises `UserError` where that cannot be."""
        if self._door is None:
            self._door = _enter(self._address, self._settings, self._inbox)
            self.url = self._address.url(self._door.port)
            self.description = f"WHIP at {self.url}"

    def items(self, clock: SessionClock, stop: threading.Event) -> Iterator[MediaItem]:
        """See `Source.items`; once."""
        return self.capture(clock, stop)

    def capture(self, clock: SessionClock, stop: threading.Event) -> Captured:
        """See `LiveSource.capture`."""
        with closing(self):
            self.check()
            yield from self._inbox.items(clock, stop, waiting=f"nobody has published to {self.url} yet")

    def close(self) -> None:
        """See `Closable.close`."""
        door, self._door = self._door, None
        if door is not None:
            _leave(door, self._address.room)


@dataclass(eq=False)
class _Door:
    """A listener, and how many participants come through it."""

    server: "WhipServer"
    asked: tuple[str, int]
    port: int
    rooms: set[str]


_DOORS: dict[tuple[str, int], _Door] = {}
"""Those of this process, by what was asked for: a port can be listened at once only."""
_LOCK = threading.Lock()


def _enter(address: WhipAddress, settings: SourceSettings, inbox: Inbox) -> _Door:
    """Let a participant come in, through the listener that others use or one of its own."""
    asked = (address.host, address.port)
    with _LOCK:
        door = _DOORS.get(asked)
        if door is None:
            door = _DOORS[asked] = _opened(address, settings)
        if address.room in door.rooms:
            raise UserError(f"{address.url(door.port)} is given twice; give each participant another name.")
        door.rooms.add(address.room)
        door.server.admit(address.room, inbox)
        return door


def _leave(door: _Door, room: str) -> None:
    with _LOCK:
        door.server.dismiss(room)
        door.rooms.discard(room)
        if not door.rooms:
            _DOORS.pop(door.asked, None)
            door.server.close()


def _opened(address: WhipAddress, settings: SourceSettings) -> _Door:
    where = f"{address.host}:{address.port}"
    try:
        from emotrack.stream.sources.pushed.whip_server import WhipServer, is_local
    except (ImportError, OSError) as error:
        problem = import_problem(error)
        if problem is None:
            raise
        raise UserError(f"{where} cannot be listened at: {problem}.") from None
    token = None if settings.whip_token is None else _token(settings.whip_token)
    if token is None and not is_local(f"[{address.host}]" if ":" in address.host else address.host):
        raise UserError(
            f"{where} can be reached from other machines, where everybody could publish; write a token into "
            "a file and name it by --set stream.sources.whip_token=FILE, or leave out the host."
        )
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listening = socket.create_server((address.host, address.port), family=family)
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or first_line(error)).lower()
        raise UserError(f"{where} cannot be listened at ({reason}); take another port or host.") from None
    port = int(listening.getsockname()[1])
    return _Door(WhipServer(listening, token), (address.host, address.port), port, set())


def _token(path: Path) -> str:
    try:
        path = path.expanduser()
        if os.name != "nt" and path.stat().st_mode & 0o077:
            raise UserError(f"others can read the token in {path}; `chmod 600 {path}` mends it.")
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeError) as error:
        raise UserError(f"the token in {path} cannot be read ({first_line(error)}).") from None
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN or not re.fullmatch(r"[!-~]+", token):
        raise UserError(
            f"{path} holds no token; write {SHORTEST_TOKEN} to {LONGEST_TOKEN} letters and digits into it, "
            "such as `openssl rand -hex 24` makes."
        )
    return token


def is_whip(text: str) -> bool:
    """Whether a source that the user wrote can only be meant as a participant who publishes."""
    return text.startswith(PREFIX)


def open_whip(text: str, *, name: str, settings: SourceSettings) -> WhipSource:
    """The participant that `whip:[HOST:]PORT[/NAME]` means, who need not be there; raises `UserError`."""
    return WhipSource(name, whip_address(text), settings)
