"""The wire format: every message survives JSON and MessagePack, later fields are ignored, wrong ones are
said."""

import json
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.wire.protocol import messages as wire
from emotrack.stream.wire.protocol import parts
from emotrack.stream.wire.protocol.encoding import BadMessage, decode, encode, kind, make_topic, topic
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.protocol.schema import json_schema
from emotrack.stream.wire.protocol.vocabulary import EMOTIONML_BIG6, LABELS, ROS4HRI
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample

identifiers = st.from_regex(r"\A[A-Za-z0-9_-]{1,12}\Z")
numbers = st.floats(-1e9, 1e9)
words = st.text(st.characters(codec="utf-8"), max_size=20)
counts = st.integers(0, 2**53)
positions = st.integers(1, 2**53)
STRATEGIES: dict[Any, st.SearchStrategy[Any]] = {
    parts.Identifier: identifiers,
    parts.Probability: st.floats(0, 1),
    parts.Signed: st.floats(-1, 1),
    parts.Seconds: numbers,
    parts.Milliseconds: numbers,
    parts.Count: counts,
    parts.Position: positions,
    parts.Name: words,
    parts.Text: words,
    parts.Place: st.floats(-100, 100),
    parts.Degrees: st.floats(-180, 180),
    parts.Measure: st.floats(0, 1e6),
    bool: st.booleans(),
    type(None): st.none(),
}


def strategy_of(field: Any) -> st.SearchStrategy[Any]:
    """A strategy for one field type of a message."""
    if field in STRATEGIES:
        return STRATEGIES[field]
    if isinstance(field, type) and issubclass(field, msgspec.Struct):
        return structs(field)
    if hasattr(field, "__metadata__"):
        field = field.__origin__
    origin, arguments = getattr(field, "__origin__", None), get_args(field)
    if origin is tuple:
        return st.lists(strategy_of(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(words, strategy_of(arguments[1]), max_size=4)
    if str(field).startswith("typing.Literal"):
        return st.sampled_from(arguments)
    return st.one_of([strategy_of(argument) for argument in arguments])


def structs(kind_of_struct: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind_of_struct, include_extras=True)
    return st.builds(kind_of_struct, **{name: strategy_of(hint) for name, hint in hints.items()})


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
    name = data.draw(st.sampled_from([name for name in required if name != "schema"]))
    del plain[name]
    with pytest.raises(BadMessage, match="emotrack/1"):
        decode(msgspec.json.encode(plain))


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_noise_is_never_a_message(noise: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(noise)


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x91" * 100_000,
        b"\xff\xfe",
        b"null",
        b'{"seq":' + b"9" * 20_000,
    ],
)
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
        ({"start": 1.7e308}, "start"),
        ({"end": -1.7e308}, "end"),
        ({"valence": 2}, "valence"),
        ({"label": "joy" * 1_000}, "label"),
        ({"scores": {f"label{number}": 0.0 for number in range(20_000)}}, "scores"),
        (
            {"transcript": {"text": "word " * 1_000_000, "language": None, "asr": "", "confidence": None}},
            "transcript",
        ),
        ({"session": "a/b"}, "session"),
        ({"session": "a\n"}, "session"),
        ({"speaker": {"id": "spk1\n", "confidence": None, "face": None}}, "speaker"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], said: str) -> None:
    plain = msgspec.to_builtins(Outbox("s1").emit(sample.emotion())) | change
    for encoding in (msgspec.json, msgspec.msgpack):
        with pytest.raises(BadMessage, match=said):
            decode(encoding.encode(plain))


@pytest.mark.parametrize("field", ["start", "confidence", "valence"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_messagepack_carries_no_number_that_json_could_not(field: str, value: float) -> None:
    plain = msgspec.to_builtins(Outbox("s1").emit(sample.emotion())) | {field: value}
    with pytest.raises(BadMessage, match=field):
        decode(msgspec.msgpack.encode(plain))


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
    assert payload["modalities"]["body"] == {
        "present": False,
        "imputed": False,
        "weight": 0.0,
        "reason": "untrained",
        "usual": 0,
    }
    assert set(payload["timing_ms"]) == {"endpoint", "transcribe", "encode", "head", "publish", "total"}


def test_the_schema_describes_every_kind() -> None:
    schema = json_schema()
    json.dumps(schema)
    assert len(schema["anyOf"]) == len(wire.KINDS)
    for body in (
        sample.session(),
        sample.emotion(),
        sample.feed(),
        sample.new_speaker(),
        sample.heartbeat(),
        sample.error(),
    ):
        described = schema["$defs"][type(body).__name__]
        sent = json.loads(encode(Outbox("s1").emit(body)))
        assert set(sent) == set(described["properties"]) >= set(described["required"])
        assert described["properties"]["type"]["enum"] == [kind(body)]
        assert set(wire.ENVELOPE_FIELDS) < set(described["required"])


def test_the_schema_says_what_each_type_and_field_is() -> None:
    described = json_schema()["$defs"]
    assert set(wire.KINDS) < {name.lower() for name in described}
    for name, component in described.items():
        assert component["description"].endswith("."), name
        for field, schema in component["properties"].items():
            assert len(schema["description"]) > 5 and schema["description"].endswith("."), (name, field)


def test_every_label_has_its_names_elsewhere() -> None:
    assert set(EMOTIONML_BIG6) == set(ROS4HRI) == set(LABELS)
    assert set(filter(None, EMOTIONML_BIG6.values())) == {
        "anger",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "surprise",
    }
