"""MCAP for others: indexed, and every message as it was."""

from pathlib import Path

from mcap.reader import make_reader

from emotrack.stream.wire.exports.formats import FORMATS
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.recordings.conversation import gathered
from emotrack.stream.wire.recordings.reading import read_messages
from helpers.recordings.conversations import awkward_messages


def test_a_foreign_reader_finds_every_message_by_its_index(tmp_path: Path) -> None:
    messages = awkward_messages()
    (path,) = FORMATS["mcap"].write(gathered(messages), tmp_path / "talk")
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None and summary.statistics is not None and summary.chunk_indexes
        assert summary.statistics.message_count == len(messages)
        found = {message.sequence: message.data for _, _, message in reader.iter_messages()}
    assert found == {one.seq: encode(one) for one in messages}


def test_it_is_a_recording_again(tmp_path: Path) -> None:
    messages = awkward_messages()
    (path,) = FORMATS["mcap"].write(gathered(messages), tmp_path / "talk")
    assert list(read_messages(path)) == messages
