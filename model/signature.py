"""Who made a bundle: the signature beside its manifest, and the makers whose keys are trusted.

The manifest names every file of weights by its SHA-256 and carries what the networks are built from and the
terms of use, so that who signs it signs all of that. Keys and signatures are minisign's (`minisign -G`,
`minisign -Sm bundle.json`), read and made by py-minisign: maintained, ISC, and its one need of size,
cryptography, is in the lock for other reasons, too.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_config_path

from emotrack.errors import UserError
from emotrack.files import open_regular, write_whole
from emotrack.notify import Notify

if TYPE_CHECKING:
    from minisign import PublicKey, SecretKey, Signature


ENDING = ".minisig"
"""What minisign adds to the name of the file that is signed."""
LARGEST = 16_384
"""Bytes of a signature or a key; minisign writes at most 8,192 of comment."""


@dataclass(frozen=True)
class Makers:
    """Whose bundles are trusted: the public keys `NAME.pub` in a folder, by default `bundle_keys` in the
    user's folder of configuration; `required`: no other bundle is used."""

    folder: Path | None = None
    required: bool = False

    def check(self, manifest: bytes, path: Path, notify: Notify) -> str | None:
        """The maker who signed the manifest at `path`, which holds these bytes; None, and one sentence to
        `notify`, where nobody known did.

        Raises `UserError` where the signature is damaged or of other bytes, where a key in the folder is
        none, and, if a signature is `required`, where no maker who is trusted made it.
        """
        beside = signature_path(path)
        if not beside.exists():
            self._tell_unknown(f"The bundle in {path.parent} is not signed", notify)
            return None
        signature, signer = _read_signature(beside)
        keys = {name: key for name, (key, known) in self._keys().items() if known == signer}
        if not keys:
            key_of = f"the key {_shown(signer)}, which is not in {self._folder}"
            self._tell_unknown(f"The bundle in {path.parent} is signed by {key_of}", notify)
            return None
        for name, key in keys.items():
            try:
                key.verify(manifest, signature)
            except ValueError:
                continue
            return name
        raise UserError(
            f"The bundle in {path.parent} is not the one that {min(keys)} signed ({beside.name} does not fit "
            f"{path.name}): fetch it again from its maker."
        )

    @property
    def _folder(self) -> Path:
        return self.folder or user_config_path("emotrack") / "bundle_keys"

    def _tell_unknown(self, finding: str, notify: Notify) -> None:
        if self.required:
            raise UserError(
                f"{finding}, and require_signature is set: use one that a maker signed whose public key "
                f"(NAME.pub) is in {self._folder}."
            )
        notify(f"{finding}: who made it is not known.")

    def _keys(self) -> "dict[str, tuple[PublicKey, bytes]]":
        from minisign import PublicKey

        found = {}
        for path in sorted(self._folder.glob("*.pub")):
            try:
                key = PublicKey.from_bytes(_bounded(path))
                found[path.stem] = (key, _identifier(key.to_base64()))
            except OSError as error:
                raise UserError(
                    f"The maker's key {path} cannot be read ({error.strerror}): mend or remove it."
                ) from None
            except ValueError:
                raise UserError(
                    f"{path} is no public key of minisign: put there what `minisign -G` wrote, or remove it."
                ) from None
        return found


def signature_path(manifest: Path) -> Path:
    """Where the signature of a manifest lies."""
    return manifest.with_name(manifest.name + ENDING)


def open_secret_key(path: Path, password: Callable[[], str]) -> "SecretKey":
    """A maker's key to sign with, as `minisign -G` wrote it; the password is asked for if it has one.

    Raises `UserError` where it is none, or the password is another.
    """
    from minisign import Error, SecretKey

    try:
        key = SecretKey.from_bytes(_bounded(path))
    except OSError as error:
        raise UserError(
            f"The key {path} cannot be read ({error.strerror}): make one with `minisign -G`."
        ) from None
    except ValueError:
        raise UserError(
            f"{path} is no secret key of minisign: give the one that `minisign -G` wrote."
        ) from None
    if key.is_encrypted():
        try:
            key.decrypt(password())
        except Error:
            raise UserError(f"The password is not that of {path}: give the right one.") from None
        except (ValueError, MemoryError):  # what its password is hashed with is out of all proportion
            raise UserError(f"The key {path} is damaged: make one with `minisign -G`.") from None
    return key


def sign(manifest: Path, key: "SecretKey") -> None:
    """Write the signature of a manifest beside it, as `minisign -Sm` does; raises `UserError` where that
    cannot be written."""
    write_whole(signature_path(manifest), bytes(key.sign_file(manifest, prehash=True)) + b"\n")


def _read_signature(path: Path) -> "tuple[Signature, bytes]":
    """A signature, and the identifier of its key."""
    from minisign import Signature

    try:
        signature = Signature.from_bytes(_bounded(path))
    except OSError as error:
        raise UserError(
            f"The bundle's {path} cannot be read ({error.strerror}): fetch it again from its maker."
        ) from None
    except ValueError:
        raise UserError(
            f"The bundle's {path} is damaged, it is no signature of minisign: fetch it again from its maker."
        ) from None
    return signature, _identifier(bytes(signature).splitlines()[1])


def _bounded(path: Path) -> bytes:
    with open_regular(path) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError("larger than any key or signature")
    return data


def _identifier(line: bytes) -> bytes:
    """The eight bytes by which keys and signatures know each other, out of a line that was read already."""
    return base64.b64decode(line)[2:10]


def _shown(identifier: bytes) -> str:
    """An identifier as minisign writes it."""
    return identifier[::-1].hex().upper()
