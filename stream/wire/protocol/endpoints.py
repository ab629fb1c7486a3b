"""What a ZeroMQ endpoint says: its transport and host, and where the snapshot socket beside it is."""

import ipaddress
import re
from dataclasses import dataclass

from emotrack.errors import UserError
from emotrack.notify import shorten

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5556"
WILDCARDS = ("*", "0.0.0.0", "::")
LONGEST = 200
"""Letters of what is no address that a sentence repeats: a publisher may have sent it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed endpoint: `tcp` with host and port (0: any free one), or `ipc` with a path."""

    transport: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        if self.transport == "ipc":
            return f"ipc://{self.path}"
        return f"tcp://[{self.host}]:{self.port}" if self.is_ipv6 else f"tcp://{self.host}:{self.port}"

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return ":" in self.host

    @property
    def is_local(self) -> bool:
        """True when only this machine can reach it."""
        if self.transport == "ipc" or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_file(self) -> bool:
        """Whether it is a socket in the file system, at a path that was chosen."""
        return self.transport == "ipc" and self.path != "*" and not self.path.startswith("@")

    def beside(self) -> "Address":
        """Where the snapshot socket is unless told otherwise: the next port, or the path with `.snapshot`."""
        if self.transport == "ipc":
            return Address("ipc", "", 0, self.path if self.path == "*" else self.path + ".snapshot")
        return Address("tcp", self.host, self.port and self.port % 65535 + 1)

    def seen_from(self, connected: "Address") -> "Address":
        """The address as a client connected to `connected` can reach it (a wildcard is no address to go
        to)."""
        if self.transport == connected.transport == "tcp" and self.host in WILDCARDS:
            return Address("tcp", connected.host, self.port)
        return self


def parse_endpoint(text: str) -> Address:
    """The address in `text`, `tcp://HOST:PORT` or `ipc://PATH`; a `UserError` for anything else."""
    if text.startswith("ipc://") and text != "ipc://":
        return Address("ipc", "", 0, text.removeprefix("ipc://"))
    match = re.fullmatch(r"tcp://(\[[0-9A-Fa-f:.%\w]+\]|[^\s:/\[\];]+):(\d{1,5}|\*)", text)
    if match is None or (match[2] != "*" and int(match[2]) > 65535):
        raise UserError(f"{shorten(text, LONGEST)!r} is not an address: write tcp://HOST:PORT or ipc://PATH.")
    return Address("tcp", match[1].strip("[]"), 0 if match[2] == "*" else int(match[2]))
