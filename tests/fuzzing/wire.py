"""Readers of messages, and of what is asked of a publisher."""

import contextlib
from functools import cache

import msgspec
import zmq

from emotrack.stream.wire.client.snapshots import SnapshotClient
from emotrack.stream.wire.protocol.encoding import BadMessage, decode, encode, topic
from emotrack.stream.wire.protocol.endpoints import parse_endpoint
from emotrack.stream.wire.protocol.parts import Encoding
from emotrack.stream.wire.protocol.snapshots import Reply, SnapshotReply, SnapshotState
from fuzzing.target import target
from helpers.sessions import sample_messages as sample


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
