"""What a bridge leads to: an address whose secrets nobody is shown, and the library that speaks to it."""

import importlib
import os
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from emotrack.errors import UserError, first_line
from emotrack.notify import plain, shorten
from emotrack.stream.wire.protocol.endpoints import Address

LONGEST = 200
"""Letters of an address that a sentence repeats."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A machine and a port, what stands behind them, and who asks."""

    scheme: str
    host: str
    port: int
    path: str = ""
    """Without slashes at its ends."""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """For people to read: no secret is in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return plain(f"{self.scheme}://{host}:{self.port}" + (f"/{self.path}" if self.path else ""))

    @property
    def is_local(self) -> bool:
        """Whether what goes there stays on this machine."""
        return Address("tcp", self.host, self.port).is_local


def parse_destination(url: str, default_port: int | None = None) -> Destination:
    """`SCHEME://[USER:PASSWORD@]HOST[:PORT][/PATH]`; raises `UserError` where it is none, or has no port and
    there is none that goes without saying."""
    try:
        parts = urlsplit(url)
        port = default_port if parts.port is None else parts.port
    except ValueError as error:
        raise UserError(f"{shown(url)} is no address ({first_line(error)}).") from None
    if not parts.hostname or not port or set("?#") & set(url):
        raise UserError(f"{shown(url)} is no address: write {parts.scheme}://HOST:PORT.")
    return Destination(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        path=parts.path.strip("/"),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def shown(url: str) -> str:
    """What somebody wrote as an address, for people to read: without what may be a user, a password or a
    token."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return plain(shorten(url, LONGEST))
    hidden = re.sub(r"^[^/?#]*@|[^/?#]*@(?=[^@]*$)", "", rest)
    hidden = re.sub(r"[?#].*", "", hidden, flags=re.DOTALL)
    return plain(shorten(f"{scheme}://{hidden}", LONGEST))


def check_unencrypted(name: str, *, local: bool, insecure: bool, remedy: str) -> None:
    """Raises `UserError` where messages would leave this machine unencrypted and nobody said that they
    may."""
    if not local and not insecure:
        raise UserError(f"{name} leads beyond this machine without encryption: {remedy}, or say --insecure.")


def library(module: str, extra: str, what: str) -> Any:
    """The library that `what` needs; raises `UserError` where it is missing or does not load."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{what} needs a package that is missing ({error.name}): pip install 'emotrack[{extra}]' "
            "brings it."
        ) from None
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(f"{what} needs a package that does not load ({first_line(error)}).") from error


def from_environment(name: str) -> str | None:
    """A secret that is better kept out of a command line, where other users of the machine can read it."""
    return os.environ.get(name) or None
