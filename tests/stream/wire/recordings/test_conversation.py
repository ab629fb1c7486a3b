"""A session as a whole: the newest label of each utterance, by the name that its speaker ended up with."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.encoding import kind
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Listener
from emotrack.stream.wire.recordings.conversation import gathered
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all


def published(bodies: Sequence[Message]) -> list[Message]:
    outbox = Outbox("s1", [Listener()])
    sent = emit_all(outbox, bodies)
    outbox.close()
    return sent


def test_the_newest_revision_holds() -> None:
    bodies: list[Message] = [
        sample.emotion(1, state="partial", label="fear"),
        sample.emotion(1, state="final", label="joy", revision=1),
        sample.emotion(2, state="final", label="anger", start=9.0, end=10.0),
        sample.emotion(1, state="revised", label="sadness", revision=2),
        sample.emotion(3, state="partial", start=11.0, end=12.0),
    ]
    found = gathered(published(bodies))
    assert [(one.utterance, one.label) for one in found.utterances] == [(1, "sadness"), (2, "anger")]
    assert found.end == 10.0


def test_speakers_have_the_names_that_they_ended_up_with() -> None:
    bodies: list[Message] = [
        sample.emotion(1, "spk1", state="final"),
        sample.alias("spk1", "spk2"),
        sample.emotion(2, "spk2", state="final", start=9.0, end=10.0),
        sample.alias("spk2", "anna"),
    ]
    found = gathered(published(bodies))
    assert found.speakers == ("anna",)
    assert found.aliases == {"spk1": "anna", "spk2": "anna"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=6))
def test_whatever_turns_out_to_be_whom_comes_to_an_end(pairs: list[tuple[str, str]]) -> None:
    bodies: list[Message] = [
        sample.emotion(1, "a", state="final"),
        *(sample.alias(one, other) for one, other in pairs),
    ]
    assert gathered(published(bodies)).speakers[0] in "abc"


def test_a_whole_session_is_told_as_it_was() -> None:
    sent = published([*sample.conversation(), sample.session("ended")])
    found = gathered(sent)
    assert found.opened == next(one for one in sent if isinstance(one, type(found.opened)))
    assert found.ended == sent[-1]
    kept = [*found.people, *found.faces, *found.feeds, *found.errors]
    assert {one.seq for one in kept} == {
        one.seq for one in sent if kind(one) in ("person", "face", "feed", "error")
    }


def test_nothing_is_no_session() -> None:
    with pytest.raises(UserError):
        gathered([])
