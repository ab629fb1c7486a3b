"""A recording gives what was published, whatever its form, and one sentence where it cannot."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.well_known import SchemaEncoding
from mcap.writer import CompressionType, Writer

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import KINDS, Message
from emotrack.stream.wire.publish.mcap import MAGIC, Channels
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.recordings import mcap
from emotrack.stream.wire.recordings.reading import read_file, read_messages
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all


def recorded(path: Path, session: str = "s1") -> list[Message]:
    outbox = Outbox(session, [Recorder(path)])
    sent = emit_all(outbox, sample.conversation())
    outbox.close()
    return sent


@pytest.fixture(params=["jsonl", "mcap"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a recording of each form goes."""
    return tmp_path / f"session.{request.param}"


def test_what_was_published_is_read(path: Path) -> None:
    sent = recorded(path)
    assert list(read_messages(path)) == list(read_messages(path.parent)) == sent


def test_one_of_several_sessions_has_to_be_named(path: Path) -> None:
    first, second = recorded(path), recorded(path, "s2")
    with pytest.raises(UserError, match=r"holds 2 sessions: name one by --session \(s1, s2\)\.$"):
        read_messages(path)
    assert list(read_messages(path, "s1")) == first
    assert list(read_messages(path, "s2")) == second
    with pytest.raises(UserError, match=r"holds no session s3\.$"):
        list(read_messages(path, "s3"))


def test_what_was_written_twice_comes_once(path: Path) -> None:
    sent = recorded(path)
    twice = Recorder(path)
    outbox = Outbox("s1", [twice])
    emit_all(outbox, sample.conversation())  # numbered from 1 again, as after a crash without a journal
    outbox.close()
    assert list(read_messages(path)) == sent


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 1))
@pytest.mark.parametrize("form", ["jsonl", "mcap"])
def test_a_recording_that_breaks_off_is_read_up_to_there(
    form: str, share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / f"session.{form}"
    sent = recorded(path)
    data = path.read_bytes()
    cut = round(share * len(data))
    path.write_bytes(data[:cut])
    behind = b"\n" if form == "jsonl" else b""
    ends = [data.index(one) + len(one) for one in (encode(message) + behind for message in sent)]
    assert list(read_file(path)) == sent[: sum(end <= cut for end in ends)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is a recording without any message"),
        (b"RIFF....", "is no recording of emotrack"),
        (b'{"type":"emotion"}\n', "is damaged from the beginning"),
        (b'{"type":"' + b"x" * (1 << 20) + b"\n", "is damaged from the beginning: its next line is too long"),
        (MAGIC + struct.pack("<BQ", 5, 1 << 40), "is a recording without any message"),
        (MAGIC + struct.pack("<BQ", 3, 4) + b"\xff" * 4, "is damaged from the beginning"),
    ],
)
def test_what_is_no_recording_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "session.mcap"
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read_messages(path)


@pytest.mark.parametrize("name", ["nothing", "folder"])
def test_where_there_is_no_recording(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"There is no recording|holds no recording: `emotrack run"):
        read_messages(tmp_path / name)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_damaged_mcap_is_one_sentence(at: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("damaged") / "session.mcap"
    sent = recorded(path)
    data = bytearray(path.read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(data)
    try:
        found = list(read_file(path))
    except UserError:
        return
    assert len(found) <= len(sent)


def test_a_foreign_reader_finds_channels_with_schemas(tmp_path: Path) -> None:
    path = tmp_path / "session.mcap"
    sent = recorded(path)
    with path.open("rb") as file:
        found = list(make_reader(file).iter_messages(log_time_order=False))
    assert [message.data for _, _, message in found] == [encode(one) for one in sent]
    assert {channel.topic.removeprefix("/emotrack/") for _, channel, _ in found} <= set(KINDS)
    assert all(schema is not None and schema.encoding == SchemaEncoding.JSONSchema for schema, _, _ in found)


@pytest.mark.parametrize("compression", CompressionType)
def test_our_channels_are_found_among_those_of_a_robot(tmp_path: Path, compression: CompressionType) -> None:
    sent = recorded(tmp_path / "plain.mcap")
    path = tmp_path / "robot.mcap"
    with path.open("wb") as file:
        writer = Writer(file, compression=compression, chunk_size=2_000)
        writer.start()
        other = writer.register_channel("/odometry", "cdr", writer.register_schema("nav", "ros2msg", b""))
        channels = Channels(writer)
        for one in sent:
            channels.add(one, encode(one))
            writer.add_message(other, 1, b"\0\1", 1)
        writer.finish()
    assert list(read_messages(path)) == sent


@pytest.mark.parametrize("compression", [CompressionType.ZSTD, CompressionType.LZ4])
def test_a_chunk_that_unpacks_to_more_than_it_says_is_refused(
    tmp_path: Path, compression: CompressionType, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    writer = Writer(buffer, compression=compression)
    writer.start()
    channel = writer.register_channel("/x", "json", 0)
    writer.add_message(channel, 1, b"0" * 1_000_000, 1)
    writer.finish()
    path = tmp_path / "large.mcap"
    path.write_bytes(buffer.getvalue())
    assert len(buffer.getvalue()) < 20_000
    monkeypatch.setattr(mcap, "LARGEST_RECORD", 100_000)
    with pytest.raises(UserError, match="it holds a chunk of"):
        read_messages(path)
