"""A whole session from its messages: what holds in the end, under the names that people ended up with."""

from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.recordings.conversation import gathered, read_conversation
from helpers.recordings.conversations import awkward, awkward_messages, published, recorded, silent
from helpers.sessions import sample_messages as sample


def test_the_newest_revision_of_each_finished_utterance_holds_in_order_of_time() -> None:
    said = awkward().utterances
    assert [(one.utterance, one.revision) for one in said] == [(1, 0), (2, 0), (3, 1), (4, 0)]
    assert said[2].label == "fear"


def test_who_turned_out_to_be_somebody_else_is_somebody_else_everywhere() -> None:
    talk = awkward()
    assert talk.aliases == {"spk3": "spk1"}
    assert talk.speakers == ("spk1", "spk2") == tuple(talk.by_speaker())
    assert [one.utterance for one in talk.by_speaker()["spk1"]] == [1, 2, 4]


def test_aliases_of_aliases_and_circles_come_to_an_end() -> None:
    bodies: list[Message] = [
        sample.emotion(1, "a"),
        sample.alias("a", "b"),
        sample.alias("b", "c"),
        sample.alias("c", "b"),
    ]
    assert gathered(published(bodies)).speakers == ("c",)


def test_a_label_beside_the_vocabulary_is_one_of_the_labels() -> None:
    strange = sample.emotion(1, label="boredom", scores={"boredom": 0.6, "neutral": 0.4})
    assert gathered(published([strange])).labels == (*LABELS, "boredom")
    assert silent().labels == LABELS


def test_what_was_broken_off_has_no_end_and_still_lasts_as_long_as_it_was_told_of() -> None:
    talk = silent()
    assert talk.opened is not None and talk.ended is None
    assert talk.end == 3.0 and talk.utterances == ()


def test_a_recording_and_its_messages_come_to_the_same(tmp_path: Path) -> None:
    messages = awkward_messages()
    (path := tmp_path / "talk.jsonl").write_bytes(recorded(messages))
    assert read_conversation(path) == gathered(messages)


def test_a_session_without_messages_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"without any message"):
        gathered([])
