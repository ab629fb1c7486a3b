"""People who are known by their voices from one session to the next: those whom an explicit command enrolled,
one file each, which only its owner reads.

A file is encrypted (Fernet: AES-128-CBC with HMAC-SHA-256) where a key is given. Whoever is not enrolled
leaves no trace.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from platformdirs import user_data_path

from emotrack.engines.encoders.sound.turns import EMBEDDING, HEARD, TurnEncoder
from emotrack.errors import UserError
from emotrack.files import owner_only, write_whole
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.clusters import VoiceClusters
from emotrack.stream.speakers.listening import BLOCK, BLOCKS, VoiceListener
from emotrack.stream.wire.protocol.encoding import IDENTIFIER

SUFFIX = ".person"
_LARGEST = 2_000_000
"""Bytes; no file of ours has more."""
_ROUNDING = 1e-2
"""By how much lengths differ from 1 as they are written."""
_MOST = 200
"""Windows of a voice that are kept."""
_LEAST = 12
"""Windows that a voice is enrolled from at least: five seconds of speech."""
_TAKEN = re.compile(r"spk\d+|.*-face\d+(-\d+)?")
"""Names that the tracker gives."""
KNOWN = 0.45
"""Cosine of a voice and an enrolled one from which on they are one person's; `python -m
emotrack.training.evaluation.enrolment` prints the error rates."""
HEARD_SECONDS = 5.0
"""Speech of somebody that must be heard before they may be recognised."""
_APART = 0.05
"""How much nearer that must be than to anybody else who is enrolled."""


class Cipher(Protocol):
    """Encrypts and decrypts files."""

    def encrypt(self, data: bytes) -> bytes:
        """Secret bytes that `decrypt` reads."""
        ...

    def decrypt(self, token: bytes) -> bytes:
        """What was encrypted."""
        ...


class EnrolledVoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds."""

    name: str
    since: str
    """The day, ISO 8601."""
    windows: list[list[float]]
    """How the voice sounds in several windows."""


@dataclass(frozen=True, slots=True)
class People:
    """The folder of those who are enrolled; `cipher`: where files are encrypted."""

    folder: Path
    cipher: Cipher | None = None

    def check(self, name: str) -> None:
        """Raises `UserError` for a name that nobody can have."""
        self._path(name)

    def names(self) -> list[str]:
        """Everybody who is enrolled, whether their file can be read or not."""
        return sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}"))

    def voice(self, name: str) -> np.ndarray:
        """How somebody sounds on the whole: float32 [EMBEDDING] of length 1; raises what `read` raises."""
        return voice_of(np.array(self.read(name).windows, np.float32))

    def read(self, name: str) -> EnrolledVoice:
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
        if found.name != name or not _are_unit(found.windows):
            raise UserError(f"{path} does not hold the voice of {name}: {_remedy(name)}.")
        return found

    def enrol(self, name: str, windows: np.ndarray) -> Path:
        """Keep how `name` sounds, float32 [n, EMBEDDING], in the place of what was kept before; the file.

        Raises `UserError` for a name that nobody can have, and where it cannot be written.
        """
        path = self._path(name)
        rounded = [[round(float(one), 5) for one in window] for window in windows[:_MOST]]
        content = msgspec.json.encode(EnrolledVoice(name, date.today().isoformat(), rounded))
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
        if not IDENTIFIER.fullmatch(name) or _TAKEN.fullmatch(name):
            raise UserError(
                f"Nobody can be enrolled as {name!r}: take letters, digits, _ and -, at most 128, and no "
                "name that the tracker gives (spk1, …)."
            )
        return self.folder / f"{name}{SUFFIX}"

    def _decoded(self, path: Path, content: bytes) -> EnrolledVoice:
        try:
            plain = content if self.cipher is None or content[:1] == b"{" else self.cipher.decrypt(content)
            return msgspec.json.decode(plain, type=EnrolledVoice)
        except Exception as error:  # the cipher has its own kind
            with_key = "another key" if self.cipher is not None else "a key"
            raise UserError(
                f"{path} cannot be read: it is damaged, or encrypted with {with_key} "
                "(stream.speakers.people_key)."
            ) from error


def enrolled_people(settings: SpeakerSettings) -> People:
    """The folder that the settings mean; raises `UserError` where its key is none."""
    return People(settings.people or user_data_path("emotrack") / "people", cipher_of(settings.people_key))


def voice_of(windows: np.ndarray) -> np.ndarray:
    """How a voice sounds on the whole, of several windows: float32 [EMBEDDING] of length 1."""
    mean = windows.mean(0)
    found: np.ndarray = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return found


def recognised(voice: np.ndarray, people: Mapping[str, np.ndarray]) -> str | None:
    """Which of the people has this voice (float32 [EMBEDDING] of length 1); None where nobody is known to."""
    likeness = sorted(((float(voice @ one), name) for name, one in people.items()), reverse=True)
    if not likeness or likeness[0][0] < KNOWN:
        return None
    if len(likeness) > 1 and likeness[0][0] - likeness[1][0] < _APART:
        return None
    return likeness[0][1]


def windows_of(encoder: TurnEncoder, samples: np.ndarray, settings: SpeakerSettings) -> np.ndarray:
    """How the one voice in a recording sounds (float32 [n] at 16 kHz): float32 [k, EMBEDDING].

    Raises `UserError` where there is too little of it, or more than one voice.
    """
    listener, clusters = VoiceListener(encoder), VoiceClusters(settings)
    found: dict[int, np.ndarray] = {}
    last = len(samples) // BLOCK
    for end in [*range(BLOCKS // 2, last, BLOCKS // 2), last]:
        heard = samples[max(0, end * BLOCK - HEARD) : end * BLOCK]
        listening = listener.listen(end, np.pad(heard, (HEARD - len(heard), 0)))
        clusters.learn("clip", listening.windows)
        found |= {window.middle: window.embedding for window in listening.windows}
    if len(found) < _LEAST:
        raise UserError(
            "There is too little speech of one voice in it: give a clip of ten seconds in which only that "
            "person speaks."
        )
    if len(voices := clusters.voices.known) > 1:
        raise UserError(
            f"There are {len(voices)} voices in it: give a clip in which only that person speaks."
        )
    return np.stack([found[middle] for middle in sorted(found)])


def _are_unit(rows: Sequence[Sequence[float]]) -> bool:
    """Whether all are of the right width and of length 1, as nearly as they are written."""
    return bool(rows) and all(len(row) == EMBEDDING and abs(math.hypot(*row) - 1) < _ROUNDING for row in rows)


def _remedy(name: str) -> str:
    return f"enrol {name} again, or `emotrack people forget {name}`"


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
