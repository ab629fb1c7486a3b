"""CURVE keys: a server's pair, its clients' pairs, and the folder of client keys that may subscribe (the
allow-list).

    server.key  server.key_secret     the publisher's; subscribers are given server.key
    clients/NAME.key                  the allow-list
    NAME.key_secret                   to be handed to that client and then removed here

The files have the certificate format of `zmq.auth`; secrets are readable by their owner only, and refused
where they are not.
"""

import os
import re
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.auth

from emotrack.errors import UserError

SERVER = "server"
CLIENTS = "clients"
LARGEST_FILE = 16 << 10
"""Bytes; a key file has less than one thousand."""
_Z85_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """A publisher's pair (Z85) and the folder of client keys that it admits."""

    public: bytes
    secret: bytes
    allow_list: Path

    @classmethod
    def load(cls, directory: Path) -> "ServerKeys":
        """The keys that `create_keys` wrote into `directory`."""
        public, secret = _load_pair(directory / f"{SERVER}.key_secret")
        allow_list = directory / CLIENTS
        if os.name == "posix" and allow_list.is_dir() and allow_list.stat().st_mode & stat.S_IWOTH:
            raise UserError(f"Anyone may add clients to {allow_list}: run `chmod o-w {allow_list}`.")
        if not any(allow_list.glob("*.key")):
            raise UserError(
                f"No client may subscribe: put the clients' public keys (NAME.key) into {allow_list}."
            )
        return cls(public, secret, allow_list)


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """A subscriber's pair (Z85)."""

    public: bytes
    secret: bytes

    @classmethod
    def load(cls, path: Path) -> "ClientKeys":
        """The pair in a client's `.key_secret` file."""
        return cls(*_load_pair(path))


def create_keys(directory: Path, clients: Sequence[str] = ("client",)) -> list[Path]:
    """Write a pair for the server (unless it is there) and one for each client; the files written.

    A client whose key exists is refused, so that no key in use is ever overwritten.
    """
    allow_list = directory / CLIENTS
    for client in clients:
        if not re.fullmatch("[A-Za-z0-9_-]+", client) or client == SERVER:
            raise UserError(
                f"{client!r} cannot name a client: use letters, digits, '_' and '-', and not {SERVER!r}."
            )
        if (allow_list / f"{client}.key").exists():
            raise UserError(
                f"{allow_list / client}.key exists: remove it first, or choose another name for the client."
            )
    try:
        allow_list.mkdir(parents=True, exist_ok=True)
        written = []
        if not (directory / f"{SERVER}.key_secret").exists():
            written += _create_pair(SERVER, directory, directory)
        for client in clients:
            written += _create_pair(client, allow_list, directory)
    except OSError as error:
        raise UserError(f"The keys cannot be written to {directory}: {error.strerror}.") from error
    return written


def load_public_key(key: str | Path) -> bytes:
    """A public key given as its 40 Z85 characters or as the path of its `.key` file."""
    if isinstance(key, str) and _Z85_KEY.fullmatch(key) and not Path(key).exists():
        return key.encode()
    return _load(Path(key))[0]


def _create_pair(name: str, public_directory: Path, secret_directory: Path) -> list[Path]:
    """Create a pair; made in a folder of ours alone, so that the secret is at no moment readable by
    others."""
    with tempfile.TemporaryDirectory(dir=secret_directory) as private:
        made = [Path(path) for path in zmq.auth.create_certificates(private, name)]
        made[1].chmod(0o600)
        homes = [public_directory / f"{name}.key", secret_directory / f"{name}.key_secret"]
        for path, home in zip(made, homes, strict=True):
            path.replace(home)
        return homes


def _load_pair(path: Path) -> tuple[bytes, bytes]:
    public, secret = _load(path)
    if secret is None:
        raise UserError(f"{path} holds no secret key: give the .key_secret file.")
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UserError(
            f"Others can read the secret key in {path}: run `chmod 600 {path}`, and make new keys if "
            "somebody may have read it."
        )
    return public, secret


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError
        public, secret = zmq.auth.load_certificate(path)
    except OSError as error:
        raise UserError(f"The key file {path} cannot be read; make keys with `emotrack keys`.") from error
    except (ValueError, LookupError) as error:
        raise UserError(f"{path} is not a key file; make keys with `emotrack keys`.") from error
    for key in (public, secret):
        if key is not None and not _Z85_KEY.fullmatch(key.decode(errors="replace")):
            raise UserError(f"The key in {path} is damaged; make keys with `emotrack keys`.")
    return public, secret
