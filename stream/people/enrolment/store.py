"""People who are known from one session to the next: those whom an explicit command enrolled, one file each,
which only its owner reads.

A file is encrypted (Fernet: AES-128-CBC with HMAC-SHA-256) where a key is given. Whoever is not enrolled
leaves no trace.
"""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from platformdirs import user_data_path

from emotrack.engines.encoders.face.identity import EMBEDDING as FACE
from emotrack.engines.encoders.sound.turns import EMBEDDING as VOICE
from emotrack.errors import UserError
from emotrack.files import owner_only, write_whole
from emotrack.notify import Notify
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.wire.protocol.encoding import IDENTIFIER

SUFFIX = ".person"
_LARGEST = 2_000_000
"""Bytes; no file of ours has more."""
_ROUNDING = 1e-2
"""By how much lengths differ from 1 as they are written."""
_MOST = 200
"""Windows of a voice, and pictures of a face, that are kept."""
_TAKEN = re.compile(r"-|spk\d+|.*-face\d+(-\d+)?")
"""Names that the tracker gives, or that stand for nobody."""


class Cipher(Protocol):
    """Encrypts and decrypts files."""

    def encrypt(self, data: bytes) -> bytes:
        """Secret bytes that `decrypt` reads."""
        ...

    def decrypt(self, token: bytes) -> bytes:
        """What was encrypted."""
        ...


class EnrolledPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds."""

    name: str
    since: str
    """The day, ISO 8601."""
    voice: list[list[float]] = []
    """How the voice sounds in several windows; none where they are not known by it."""
    face: list[list[float]] = []
    """What the face looks like in several pictures; none where they are not known by it."""
    face_weights: str = ""
    """What tells the network that described it."""


@dataclass(frozen=True, slots=True)
class People:
    """The folder of those who are enrolled; `cipher`: where files are encrypted."""

    folder: Path
    cipher: Cipher | None = None

    def check(self, name: str) -> None:
        """Raises `UserError` for a name that nobody can have, or whose file cannot be read."""
        if self._path(name).exists():
            self.read(name)

    def names(self) -> list[str]:
        """Everybody who is enrolled, whether their file can be read or not; files called otherwise are not
        ours."""
        return sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}") if _may_be_called(path.stem))

    def read(self, name: str) -> EnrolledPerson:
        """What is kept of somebody; raises `UserError` where that is nothing, or cannot be read."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except FileNotFoundError:
            known = ", ".join(self.names()) or "nobody"
            raise UserError(f"Nobody called {name} is enrolled in {self.folder}: there is {known}.") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}): {_remedy(name)}.") from None
        found = self._decoded(path, content[:_LARGEST])
        described = _are_unit(found.voice, VOICE) and _are_unit(found.face, FACE)
        if found.name != name or not described or not (found.voice or found.face):
            raise UserError(f"{path} does not hold what {name} is known by: {_remedy(name)}.")
        return found

    def enrol(
        self,
        name: str,
        *,
        voice: np.ndarray | None = None,
        face: np.ndarray | None = None,
        face_weights: str = "",
    ) -> Path:
        """Keep how `name` sounds, float32 [n, VOICE], and looks, float32 [k, FACE], to the network of
        `face_weights`; what is not given stays as it was. The file.

        Raises `UserError` for a name that nobody can have, and where it cannot be read or written.
        """
        path = self._path(name)
        person = self.read(name) if path.exists() else EnrolledPerson(name, date.today().isoformat())
        if voice is not None:
            person = msgspec.structs.replace(person, voice=_rounded(voice))
        if face is not None:
            person = msgspec.structs.replace(person, face=_rounded(face), face_weights=face_weights)
        content = msgspec.json.encode(person)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(
                os.open(path.with_name(path.name + ".new"), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            )
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}): give another folder.") from None
        write_whole(path, content if self.cipher is None else self.cipher.encrypt(content))
        return path

    def forget(self, name: str) -> None:
        """Remove all that is kept of somebody; raises `UserError` where that is nothing."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            known = ", ".join(self.names()) or "nobody"
            raise UserError(f"Nobody called {name} is enrolled in {self.folder}: there is {known}.") from None
        except OSError as error:
            raise UserError(
                f"{name} cannot be forgotten ({error.strerror}): remove {self._path(name)}."
            ) from None

    def _path(self, name: str) -> Path:
        if not _may_be_called(name):
            raise UserError(
                f"Nobody can be enrolled as {name!r}: take letters, digits, _ and -, at most 128, and no "
                "name that the tracker gives (spk1, …)."
            )
        return self.folder / f"{name}{SUFFIX}"

    def _decoded(self, path: Path, content: bytes) -> EnrolledPerson:
        try:
            plain = content if self.cipher is None or content[:1] == b"{" else self.cipher.decrypt(content)
            return msgspec.json.decode(plain, type=EnrolledPerson)
        except Exception as error:  # the cipher has its own kind
            with_key = "another key" if self.cipher is not None else "a key"
            raise UserError(
                f"{path} cannot be read: it is encrypted with {with_key} (stream.speakers.people_key), or "
                f"damaged, and then {_remedy(path.stem)}."
            ) from error


def enrolled_people(settings: SpeakerSettings) -> People:
    """The folder that the settings mean; raises `UserError` where its key is none."""
    return People(settings.people or user_data_path("emotrack") / "people", cipher_of(settings.people_key))


def read_people(people: People, notify: Notify) -> list[EnrolledPerson]:
    """Everybody who is enrolled; whose file cannot be read is told, and left out."""
    found = []
    for name in people.names():
        try:
            found.append(people.read(name))
        except UserError as error:
            notify(f"{name} is not recognised: {error}")
    return found


def _may_be_called(name: str) -> bool:
    return IDENTIFIER.fullmatch(name) is not None and not _TAKEN.fullmatch(name)


def _are_unit(rows: Sequence[Sequence[float]], width: int) -> bool:
    """Whether all are of this width and of length 1, as nearly as they are written."""
    return all(len(row) == width and abs(math.hypot(*row) - 1) < _ROUNDING for row in rows)


def _rounded(rows: np.ndarray) -> list[list[float]]:
    return [[round(float(one), 5) for one in row] for row in rows[:_MOST]]


def _remedy(name: str) -> str:
    return f"`emotrack people forget {name}` and enrol them again"


def cipher_of(key: Path | None) -> Cipher | None:
    """What encrypts with the key in a file; None without one. Raises `UserError` where it is none."""
    if key is None:
        return None
    fernet = _fernet()
    try:
        found: Cipher = fernet(key.read_bytes().strip())
    except OSError as error:
        raise UserError(f"The key {key} cannot be read ({error.strerror}): name another file.") from None
    except ValueError:
        raise UserError(f"{key} holds no key: `emotrack people key {key.name}.new` makes one.") from None
    return found


def make_key(path: Path) -> None:
    """Write a new key that only its owner reads; raises `UserError` where the file is there already."""
    key: bytes = _fernet().generate_key()
    try:
        with open(path, "xb", opener=owner_only) as file:
            file.write(key + b"\n")
    except FileExistsError:
        raise UserError(f"{path} is there already: name a new file.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}): name another file.") from None


def _fernet() -> Any:
    try:
        from cryptography.fernet import Fernet
    except ImportError as error:
        raise UserError(
            f"Encryption needs a package that is missing ({error}): pip install 'emotrack[voices]' brings it."
        ) from error
    return Fernet
