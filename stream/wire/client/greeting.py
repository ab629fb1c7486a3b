"""Who answers at an address, before any key is shown: ZeroMQ's own first words, which tell a publisher from
any other server, and one that encrypts from one that does not.

libzmq tells of a refused handshake only where the reason reached it before the other side hung up; what a
person asks for once should not depend on that. The words are ZMTP 3.1's (https://rfc.zeromq.org/spec/37/).
"""

import socket
import time
from dataclasses import dataclass

from emotrack.errors import first_line
from emotrack.stream.wire.protocol.endpoints import Address

CONNECTING = 3.0
"""Seconds to wait for a machine."""
ANSWERING = 2.0
"""Seconds to wait for the first words of who took the connection."""
_SIGNATURE = b"\xff" + b"\x00" * 7 + b"\x01\x7f"
_MAJOR = 3
_MECHANISM = slice(12, 32)
_LENGTH = 64


class NoGreeting(Exception):
    """Nobody answers there who speaks ZeroMQ; the text says in one sentence why, and what to do."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first words of a ZeroMQ socket."""

    mechanism: str
    """NULL, PLAIN, CURVE or GSSAPI."""

    @property
    def encrypted(self) -> bool:
        """Whether keys are wanted."""
        return self.mechanism == "CURVE"


def greet(address: Address) -> Greeting:
    """Connect, exchange first words, and hang up. Raises `NoGreeting`."""
    try:
        opened = _connect(address)
    except socket.gaierror as error:
        raise NoGreeting(
            f"no machine is called {address.host} ({error.strerror}): check its name."
        ) from error
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise NoGreeting(
            f"nothing listens at {address}: no tracker runs there, or it publishes elsewhere "
            "(`emotrack run` says where when it starts)."
        ) from error
    except TimeoutError as error:
        raise NoGreeting(
            f"{address.host or address} does not answer: it is switched off, or a firewall keeps port "
            f"{address.port} closed."
        ) from error
    except (OSError, ValueError) as error:  # a host name that cannot be written in a query
        raise NoGreeting(f"{address} cannot be reached ({first_line(error)}): check the address.") from error
    with opened:
        words = _first_words(opened)
    if not words:
        raise NoGreeting(
            f"what listens at {address} takes the connection and says nothing: a tracker that hangs (start "
            "it again), or another kind of server (check the port)."
        )
    if len(words) < _LENGTH or words[0] != 0xFF or words[9] != 0x7F or words[10] < _MAJOR:
        raise NoGreeting(f"what answers at {address} does not speak ZeroMQ: check the port.")
    return Greeting(words[_MECHANISM].rstrip(b"\0").decode("ascii", "replace"))


def _connect(address: Address) -> socket.socket:
    if address.transport == "tcp":
        return socket.create_connection((address.host, address.port), CONNECTING)
    path = "\0" + address.path[1:] if address.path.startswith("@") else address.path
    opened = socket.socket(socket.AF_UNIX)
    opened.settimeout(CONNECTING)
    try:
        opened.connect(path)
    except BaseException:
        opened.close()
        raise
    return opened


def _first_words(opened: socket.socket) -> bytes:
    """The greeting, or as much of something else as came in time; ours ends where a mechanism would be
    named."""
    deadline = time.monotonic() + ANSWERING
    words = b""
    try:
        opened.sendall(_SIGNATURE + bytes([_MAJOR]))
        while len(words) < _LENGTH and (left := deadline - time.monotonic()) > 0:
            opened.settimeout(left)
            if not (more := opened.recv(_LENGTH - len(words))):
                break
            words += more
    except OSError:  # hung up, or silent
        pass
    return words
