"""Everything that reads what others wrote, as functions of bytes: each takes an input or refuses it in one
sentence, and does so in a room that does not depend on what the input says of itself.

To add one, write a function under `@target(...)` and put a few inputs into `corpus/NAME/`.
"""

import atexit
import contextlib
import hashlib
import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import zmq
from pydantic import TypeAdapter

from emotrack.engines.cache.entry import MANIFEST as ENGINE_MANIFEST
from emotrack.engines.cache.entry import Damaged, Entry
from emotrack.engines.running.pack import CONTENTS, read_contents
from emotrack.errors import UserError
from emotrack.model.bundle import BundlePart
from emotrack.model.manifest import parse_manifest, seal_of
from emotrack.model.signature import Makers, signature_path
from emotrack.section import listed, override, read_yaml, validate
from emotrack.settings import Policy, Settings
from emotrack.stream.people.enrolment.store import SUFFIX, People, cipher_of
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.riff import WavReader, is_wav, wav_options
from emotrack.stream.sources.file import probe_file
from emotrack.stream.sources.names import feed_name, participant, without_credentials
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.wire.client.snapshots import SnapshotClient
from emotrack.stream.wire.protocol.encoding import BadMessage, decode, encode, topic
from emotrack.stream.wire.protocol.endpoints import parse_endpoint
from emotrack.stream.wire.protocol.keys import ClientKeys, ServerKeys, load_public_key
from emotrack.stream.wire.protocol.parts import Encoding
from emotrack.stream.wire.protocol.snapshots import Reply, SnapshotReply, SnapshotState
from emotrack.stream.wire.publish.recording import LINE_BEGINS, Recorder
from emotrack.stream.wire.publish.sinks import Outgoing
from emotrack.training.features.manifest import NAME as STORE_MANIFEST
from emotrack.training.features.manifest import read_manifest
from helpers.sessions import sample_messages as sample

Read = Callable[[bytes], None]
MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """One reader."""

    read: Read
    refusals: tuple[type[Exception], ...]
    """What it may raise; a `UserError` is one short sentence."""
    room: int
    """Bytes that it may take at once beside sixteen times those of its input."""
    examples: int
    """Inputs that the test tries, beside the corpus."""
    largest: int
    """Bytes of an input in long runs."""


TARGETS: dict[str, Target] = {}
"""All of them by name, which is that of their folder in the corpus."""


def target(
    *refusals: type[Exception], room: int = 4 * MIB, examples: int = 300, largest: int = 4_096
) -> Callable[[Read], Read]:
    """Enter a reader into `TARGETS`; see `Target`."""

    def entered(read: Read) -> Read:
        name = read.__name__.replace("_", "-")
        TARGETS[name] = Target(read, refusals or (UserError,), room, examples, largest)
        return read

    return entered


def attempt(one: Target, data: bytes) -> bool:
    """Whether the reader took the input, which it may refuse; raises what it must not."""
    try:
        one.read(data)
    except one.refusals as refusal:
        sentence = str(refusal)
        if isinstance(refusal, UserError):
            assert "\n" not in sentence and len(sentence) < 2_000, sentence
        return False
    return True


@cache
def folder() -> Path:
    """For inputs that are read from files: in memory where that can be."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(prefix="emotrack-fuzzing-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def file_of(data: bytes, name: str) -> Path:
    """A file with these bytes."""
    path = folder() / name
    path.write_bytes(data)
    return path


# Messages, and what is asked of a publisher.


@target(BadMessage)
def message(data: bytes) -> None:
    """JSON and MessagePack: what is taken can be written in both, and is the same then."""
    found = decode(data)
    topic(found)
    assert decode(encode(found)) == decode(encode(found, "msgpack")) == found


@cache
def _states() -> tuple[SnapshotState, ...]:
    states = []
    encodings: tuple[Encoding, ...] = ("json", "msgpack")
    for encoding in encodings:
        state = SnapshotState(encoding)
        for seq in range(1, 6):
            told = sample.emotion(session="s", seq=seq, topic_seq=seq)
            state.add(told, encode(told, encoding))
        states.append(state)
    return tuple(states)


@target()
def snapshot_request(data: bytes) -> None:
    """Whatever is asked is answered with a reply, which is no longer than what there is to tell."""
    in_json, in_msgpack = (state.answer(data) for state in _states())
    assert max(len(in_json), len(in_msgpack)) < 64_000
    msgspec.json.decode(in_json, type=Reply)
    msgspec.msgpack.decode(in_msgpack, type=Reply)


@cache
def _client() -> tuple[SnapshotClient, list[str]]:
    said: list[str] = []
    client = SnapshotClient(zmq.Context.instance(), parse_endpoint("tcp://127.0.0.1:1"), None, said.append)
    client.socket.close()
    return client, said


class _Arrived:
    """Stands in for a socket on which one message has come."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self) -> bytes:
        return self._data


@target()
def snapshot_reply(data: bytes) -> None:
    """What a publisher answers, and every message in it."""
    client, said = _client()
    said.clear()
    client.socket = _Arrived(data)  # type: ignore[assignment]
    reply = client.receive()
    if isinstance(reply, SnapshotReply):
        for raw in (*reply.current, *reply.events):
            with contextlib.suppress(BadMessage):
                decode(bytes(raw))
    assert len(said) <= 1


@target()
def endpoint(data: bytes) -> None:
    """An address is written as it was read."""
    address = parse_endpoint(data.decode("utf-8", "replace"))
    assert parse_endpoint(str(address)) == address
    assert isinstance(address.is_local, bool) and address.beside().seen_from(address)


# Settings.

_SETTINGS = TypeAdapter(Settings)
_POLICY = TypeAdapter(Policy)


@target(room=8 * MIB, examples=60, largest=512)
def config(data: bytes) -> None:
    """A file of settings: what is taken can be listed."""
    content = read_yaml(file_of(data, "config.yaml"))
    if "modalities" in content:
        validate(_POLICY, content, "docs/settings.md")
    else:
        listed(validate(_SETTINGS, content, "`emotrack doctor --settings`"))


@target(room=8 * MIB, examples=100, largest=256)
def setting(data: bytes) -> None:
    """`--set a.b=value`."""
    settings: dict[str, Any] = {}
    override(settings, [data.decode("utf-8", "replace")])
    validate(_SETTINGS, settings, "`emotrack doctor --settings`")


# What is trusted: bundles, engine packs, keys, people.


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


# What is written on: recordings.


@target(examples=200)
def recording(data: bytes) -> None:
    """A recording that ended anyhow is added to behind its last whole line; anything else stays as it is."""
    path = file_of(data, "recording.jsonl")
    try:
        recorder = Recorder(path)
    except UserError:
        assert path.read_bytes() == data and not LINE_BEGINS.startswith(data[: len(LINE_BEGINS)])
        raise
    told = sample.emotion(session="s", seq=1, topic_seq=1)
    line = encode(told)
    recorder.write(Outgoing(told, topic(told), line))
    recorder.close()
    assert path.read_bytes() == data[: data.rfind(b"\n") + 1] + line + b"\n"


# Media.


class _Pipe:
    """Bytes that come once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        given, self._data = self._data[:size], self._data[size:]
        return given

    def ahead(self, size: int) -> bytes:
        return self._data[:size]


@target(largest=16_384)
def wav(data: bytes) -> None:
    """Chunks of any names and lengths: what is given of a pipe is its beginning, in order."""
    options = wav_options(file_of(data, "sound.wav"))
    assert not options or is_wav(data[:12])
    reader, given = WavReader(_Pipe(data)), b""
    while block := reader.read(997):
        given += block
    assert data.startswith(given)


@target(room=64 * MIB, examples=60, largest=8_192)
def media(data: bytes) -> None:
    """A file that may be of any container and codec, opened and read to its end."""
    path = file_of(data, "media")
    source = probe_file(
        f"file:{path}", name="x", description="x", settings=SourceSettings(), options=wav_options(path)
    )
    for number, _ in enumerate(source.items(SessionClock(), threading.Event())):
        if number > 1_000:
            break


@target()
def source_name(data: bytes) -> None:
    """`alice=rtsp://…` and its like: no password is shown."""
    name, source = participant(data.decode("utf-8", "replace"))
    assert name is None or feed_name(name)
    assert 0 < len(feed_name(source)) <= 40
    if "://" in source:
        without_credentials(source)
