"""Readers of what is trusted: bundles, engine packs, keys, people."""

import contextlib
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from emotrack.engines.cache.entry import MANIFEST as ENGINE_MANIFEST
from emotrack.engines.cache.entry import Damaged, Entry
from emotrack.engines.running.pack import CONTENTS, read_contents
from emotrack.errors import UserError
from emotrack.model.bundle import BundlePart
from emotrack.model.manifest import parse_manifest, seal_of
from emotrack.model.signature import Makers, signature_path
from emotrack.stream.people.enrolment.store import SUFFIX, People, cipher_of
from emotrack.stream.wire.protocol.keys import ClientKeys, ServerKeys, load_public_key
from emotrack.training.features.manifest import NAME as STORE_MANIFEST
from emotrack.training.features.manifest import read_manifest
from fuzzing.target import file_of, folder, target


@target()
def bundle(data: bytes) -> None:
    """A manifest; its seal is made good, so that what is behind it is reached."""
    path = Path("bundle/bundle.json")
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(data)
        if isinstance(content, dict):
            data = json.dumps({**content, "seal": seal_of(content)}).encode()
    parse_manifest(data, path).sealed()


@target()
def pack(data: bytes) -> None:
    """What an engine pack says of itself."""
    read_contents(file_of(data, CONTENTS).parent)


@target(Damaged)
def engine(data: bytes) -> None:
    """What a compiled network says of itself."""
    Entry.read(file_of(data, ENGINE_MANIFEST).parent)


@target()
def weights(data: bytes) -> None:
    """A file of weights that its manifest vouches for."""
    path, digest = file_of(data, "voice.safetensors"), hashlib.sha256(data).hexdigest()
    BundlePart("voice", path, digest, "", "", {}).tensors()


@target()
def store(data: bytes) -> None:
    """What a store of features says of itself."""
    read_manifest(file_of(data, STORE_MANIFEST).parent)


@cache
def _signed() -> tuple[Path, bytes]:
    from minisign import KeyPair

    pair = KeyPair.generate()
    keys = folder() / "keys"
    keys.mkdir()
    (keys / "maker.pub").write_bytes(bytes(pair.public_key))
    return keys, b"a manifest"


@target()
def signature(data: bytes) -> None:
    """A bundle's signature: nothing that is made up is anybody's."""
    keys, manifest = _signed()
    path = folder() / "bundle.json"
    signature_path(path).write_bytes(data)
    assert Makers(keys).check(manifest, path, lambda _: None) is None


@target()
def maker_key(data: bytes) -> None:
    """A file among the keys of makers."""
    keys = folder() / "given"
    keys.mkdir(exist_ok=True)
    (keys / "given.pub").write_bytes(data)
    path = folder() / "known.json"
    signature_path(path).write_bytes(_SIGNATURE)
    Makers(keys).check(b"a manifest", path, lambda _: None)


_SIGNATURE = (
    b"untrusted comment: x\n"
    b"RUSpJOcgTN7atJ3Z4uaUlvMjogUPAz4cUyyMJaPO318xeb/kGRwt7y4Uaw0BPNQJBNEElIX2sGjGuPow019YAE0wt88hxfdClw0=\n"
    b"trusted comment: timestamp:0\n"
    b"++2rt26R0PJBnsm6lNiL9QDIKlgjofS9MaG1Oy3EF1KdWYPvUbfXbUVPaZBOOm6Dx9mxepUaGq/c7O0X9E3eCQ==\n"
)


@target()
def curve_key(data: bytes) -> None:
    """A key file of a subscriber, its publisher, or neither."""
    path = file_of(data, "server.key_secret")
    for load in (load_public_key, ClientKeys.load):
        with contextlib.suppress(UserError):
            load(path)
    (path.parent / "clients").mkdir(exist_ok=True)
    (path.parent / "clients" / "ada.key").touch()
    ServerKeys.load(path.parent)


@target()
def people_key(data: bytes) -> None:
    """What files of people are encrypted with."""
    cipher_of(file_of(data, "people.key"))


@target()
def person(data: bytes) -> None:
    """What is kept of somebody who is enrolled, in the clear or said to be encrypted."""
    file_of(data, f"ada{SUFFIX}")
    People(folder(), _cipher() if data[:1] == b"g" else None).read("ada")


@cache
def _cipher() -> Any:
    return cipher_of(file_of(b"A" * 43 + b"=", "people.key"))
