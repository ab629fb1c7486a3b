"""What holds at a moment is what its messages say, each the newest of its subject."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.views.dashboard import state as states
from emotrack.stream.views.dashboard.state import State, entry_of
from emotrack.stream.wire.protocol.encoding import decode, encode
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample


def holding(bodies: Sequence[Message]) -> list[Any]:
    outbox, state = Outbox("s1"), State()
    for body in bodies:
        message = outbox.emit(body)
        state.add(entry_of(message, encode(message), 0.0, 0))
    return [decode(entry.payload) for entry in state.entries()]


def test_the_newest_label_of_each_utterance_holds() -> None:
    held = holding(
        [
            sample.emotion(1, state="partial", label="anger"),
            sample.emotion(2, state="partial"),
            sample.emotion(1, state="final", revision=1, label="joy"),
            sample.emotion(1, state="partial", label="fear"),  # late, of an earlier revision
        ]
    )
    assert [(one.utterance, one.state, one.label) for one in held] == [
        (2, "partial", "joy"),
        (1, "final", "joy"),
    ]


def test_only_the_last_utterances_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(states.KEPT, "emotion", 3)
    held = holding([sample.emotion(number) for number in range(5)] + [sample.emotion(3, revision=1)])
    assert [(one.utterance, one.revision) for one in held] == [(2, 0), (4, 0), (3, 1)]


def test_a_face_that_is_lost_is_there_no_more() -> None:
    held = holding([sample.face(1), sample.face(2), sample.face(1, event="lost", reason="out of sight")])
    assert [one.track for one in held] == [2]


def test_somebody_who_is_away_is_known_as_long_as_they_said_something() -> None:
    bodies = [sample.person(name, utterance=said) for name, said in (("spk1", 4), ("kitchen-face2", None))]
    away = [
        sample.person(name, utterance=said, state="away")
        for name, said in (("spk1", 4), ("kitchen-face2", None))
    ]
    assert [(one.person, one.state) for one in holding([*bodies, *away])] == [("spk1", "away")]


def test_somebody_who_turns_out_to_be_another_has_no_state_of_their_own() -> None:
    bodies: list[Message] = [
        sample.new_speaker("spk2"),
        sample.person("spk1"),
        sample.person("spk2"),
        sample.alias("spk2", "spk1"),
    ]
    assert [(one.__struct_config__.tag, getattr(one, "person", None)) for one in holding(bodies)] == [
        ("person", "spk1"),
        ("speaker", None),
    ]


def test_an_end_takes_the_place_of_a_start() -> None:
    held = holding([sample.session(), sample.heartbeat(1.0), sample.heartbeat(2.0), sample.session("ended")])
    assert [getattr(one, "time", None) or one.state for one in held] == [2.0, "ended"]


BODIES = st.one_of(
    st.builds(sample.emotion, st.integers(0, 4), revision=st.integers(0, 3)),
    st.builds(sample.face, st.integers(0, 3), event=st.sampled_from(["seen", "lost"])),
    st.builds(
        sample.person,
        st.sampled_from(["a", "b"]),
        state=st.sampled_from(["present", "away"]),
        utterance=st.sampled_from([None, 1]),
    ),
    st.builds(sample.feed, st.sampled_from(["audio", "video", None]), st.sampled_from(["up", "down"])),
    st.builds(sample.alias, st.sampled_from(["a", "b"]), st.just("c")),
    st.builds(sample.error),
    st.builds(sample.heartbeat),
)


@given(st.lists(BODIES, max_size=40), st.integers(0, 40))
def test_a_copy_goes_its_own_way(bodies: list[Message], at: int) -> None:
    outbox, state = Outbox("s1"), State()
    entries = [entry_of(message, encode(message), 0.0, 0) for message in map(outbox.emit, bodies)]
    for entry in entries[:at]:
        state.add(entry)
    before = state.entries()
    copied = state.copy()
    for entry in entries[at:]:
        copied.add(entry)
    again = State()
    for entry in entries:
        again.add(entry)
    assert copied.entries() == again.entries() and state.entries() == before
    assert [entry.seq for entry in before] == sorted(entry.seq for entry in before)
