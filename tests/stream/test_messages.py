"""The wire format: every message survives JSON and MessagePack, later fields are ignored, wrong ones are said."""

import json
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream import messages as wire
from emotrack.stream.messages import BadMessage, Message, decode, encode, kind, make_topic, topic
from emotrack.stream.wire.outbox import Outbox
from emotrack.stream.wire.schema import json_schema
from emotrack.stream.wire.vocabulary import EMOTIONML_BIG6, LABELS, ROS4HRI
from helpers import sample_messages as sample

identifiers = st.from_regex(r"\A[A-Za-z0-9_-]{1,12}\Z")
probabilities = st.floats(0, 1)
numbers = st.floats(-1e9, 1e9)
words = st.text(st.characters(codec="utf-8"), max_size=20)
counts = st.integers(0, 2**53)


def strategy_of(field: Any) -> st.SearchStrategy[Any]:
    """A strategy for one field type of a message."""
    if field == wire.Identifier:
        return identifiers
    if field == wire.Probability:
        return probabilities
    if field == wire.Count:
        return counts
    if isinstance(field, type) and issubclass(field, msgspec.Struct):
        return structs(field)
    origin, arguments = getattr(field, "__origin__", None), get_args(field)
    if origin is tuple:
        return st.lists(strategy_of(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(words, strategy_of(arguments[1]), max_size=4)
    if str(field).startswith("typing.Literal"):
        return st.sampled_from(arguments)
    if arguments:
        return st.one_of([strategy_of(argument) for argument in arguments])
    return {str: words, int: st.integers(-(2**53), 2**53), float: numbers, bool: st.booleans(), type(None): st.none()}[field]


def structs(kind_of_struct: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind_of_struct, include_extras=True)
    envelope = {
        "session": identifiers,
        "seq": st.integers(1, 2**53),
        "topic_seq": st.integers(1, 2**53),
        "published_unix_ns": counts,
    }
    envelope["schema"] = st.just(wire.SCHEMA)
    sealed = issubclass(kind_of_struct, wire.Envelope)
    return st.builds(
        kind_of_struct,
        **{name: envelope[name] if sealed and name in envelope else strategy_of(hint) for name, hint in hints.items()},
    )


any_message = st.one_of([structs(each) for each in get_args(Message)])


@settings(deadline=None, max_examples=50)
@given(any_message)
def test_every_message_survives_both_encodings(message: Message) -> None:
    assert decode(encode(message, "json")) == message
    assert decode(encode(message, "msgpack")) == message


@settings(deadline=None, max_examples=50)
@given(any_message)
def test_fields_of_later_versions_are_ignored(message: Message) -> None:
    plain = msgspec.to_builtins(message) | {"added_later": {"deep": [1]}}
    assert decode(msgspec.json.encode(plain)) == message
    assert decode(msgspec.msgpack.encode(plain)) == message


@settings(deadline=None, max_examples=50)
@given(any_message, st.data())
def test_a_missing_field_is_said(message: Message, data: st.DataObject) -> None:
    plain = msgspec.to_builtins(message)
    required = json_schema()["$defs"][type(message).__name__]["required"]
    name = data.draw(st.sampled_from([name for name in required if name not in ("schema", "published_unix_ns")]))
    del plain[name]
    with pytest.raises(BadMessage, match="emotrack/1"):
        decode(msgspec.json.encode(plain))


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_noise_is_never_a_message(noise: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(noise)


@pytest.mark.parametrize("noise", [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\x91" * 100_000, b"\xff\xfe", b"null"])
def test_hostile_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(noise)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "gossip"}, "type"),
        ({"schema": "emotrack/2"}, "schema"),
        ({"confidence": "high"}, "confidence"),
        ({"confidence": 1.5}, "confidence"),
        ({"state": "maybe"}, "state"),
        ({"source": "a b"}, "source"),
        ({"utterance": -1}, "utterance"),
        ({"seq": 0}, "seq"),
        ({"session": "a/b"}, "session"),
        ({"session": "a\n"}, "session"),
        ({"speaker": {"id": "spk1\n", "confidence": None, "face": None}}, "speaker"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], said: str) -> None:
    plain = msgspec.to_builtins(Outbox("s1").emit(sample.emotion())) | change
    with pytest.raises(BadMessage, match=said):
        decode(msgspec.json.encode(plain))


def test_topics_keep_speakers_apart() -> None:
    outbox = Outbox("s1")
    first, tenth = (topic(outbox.emit(sample.emotion(speaker=name))) for name in ("spk1", "spk10"))
    assert (first, tenth) == ("emotrack/1/s1/emotion/spk1/", "emotrack/1/s1/emotion/spk10/")
    assert not tenth.startswith(first)
    assert topic(outbox.emit(sample.heartbeat())) == "emotrack/1/s1/heartbeat/-/"
    assert topic(outbox.emit(sample.alias("v2", "spk1"))) == "emotrack/1/s1/speaker/v2/"
    with pytest.raises(ValueError, match="speaker"):
        make_topic("s1", "emotion", "a/b")


def test_the_json_is_what_the_readme_shows() -> None:
    payload = json.loads(encode(Outbox("s1").emit(sample.emotion())))
    assert list(payload)[:6] == ["type", "schema", "session", "seq", "topic_seq", "published_unix_ns"]
    assert payload["modalities"]["body"] == {"present": False, "imputed": False, "weight": 0.0, "reason": "untrained"}
    assert set(payload["timing_ms"]) == {"endpoint", "transcribe", "encode", "head", "publish", "total"}


def test_the_schema_describes_every_kind() -> None:
    schema = json_schema()
    json.dumps(schema)
    assert len(schema["anyOf"]) == len(wire.KINDS)
    for body in (sample.session(), sample.emotion(), sample.feed(), sample.new_speaker(), sample.heartbeat(), sample.error()):
        described = schema["$defs"][type(body).__name__]
        sent = json.loads(encode(Outbox("s1").emit(body)))
        assert set(sent) == set(described["properties"]) >= set(described["required"])
        assert described["properties"]["type"]["enum"] == [kind(body)]
        assert set(wire.ENVELOPE_FIELDS) < set(described["required"])


def test_every_label_has_its_names_elsewhere() -> None:
    assert set(EMOTIONML_BIG6) == set(ROS4HRI) == set(LABELS)
    assert set(filter(None, EMOTIONML_BIG6.values())) == {"anger", "disgust", "fear", "happiness", "sadness", "surprise"}
