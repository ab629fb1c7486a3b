"""Readers of what people and trackers write: settings, recordings, sessions that are kept."""

import hashlib
from typing import Any

from pydantic import TypeAdapter

from emotrack.errors import UserError
from emotrack.section import listed, override, read_yaml, validate
from emotrack.settings import Policy, Settings
from emotrack.stream.session import packed
from emotrack.stream.session.kept import VERSION, KeptState
from emotrack.stream.wire.protocol.encoding import encode, topic
from emotrack.stream.wire.publish.forms import LINE_BEGINS
from emotrack.stream.wire.publish.journal import NAME, read_journal
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import Outgoing
from fuzzing.target import MIB, file_of, folder, target
from helpers.sessions import sample_messages as sample

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


@target()
def kept_session(data: bytes) -> None:
    """The state of a session that is gone on with: just its own types, or nothing."""
    assert isinstance(packed.unpack(data, "session", VERSION, KeptState), KeptState)


@target()
def kept_values(data: bytes) -> None:
    """The same behind a digest that is right: whoever can write it decides no more than values."""
    found = packed.unpack(
        b"session %d %s\n%s" % (VERSION, hashlib.sha256(data).hexdigest().encode(), data),
        "session",
        VERSION,
        KeptState,
    )
    assert isinstance(found, KeptState)


@target(examples=200)
def journal(data: bytes) -> None:
    """What a session published: whole lines without a gap, whatever is torn at the end."""
    home = folder() / "journal"
    home.mkdir(exist_ok=True)
    (home / NAME).write_bytes(data)
    found = read_journal(home)
    sequence = [one.message.seq for one in found.messages]
    assert sequence == list(range(found.seq - len(sequence) + 1, found.seq + 1))
