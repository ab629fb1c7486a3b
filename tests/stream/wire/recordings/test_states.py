"""How each person was, as spans of time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.recordings.conversation import gathered
from emotrack.stream.wire.recordings.states import SteadyState, steady_states
from helpers.recordings.conversations import awkward, published, silent
from helpers.sessions import sample_messages as sample


def test_a_state_lasts_from_when_it_was_entered_until_the_next_or_until_they_left() -> None:
    assert steady_states(awkward()) == (
        SteadyState("spk1", "joy", 1.5, 4.25),
        SteadyState("spk1", "neutral", 4.25, 7.0),
    )


def test_who_comes_back_has_a_gap_and_who_stays_is_there_until_the_end() -> None:
    bodies: list[Message] = [
        sample.person("a", time=1.0, since=1.0, label="joy"),
        sample.person("a", time=2.0, since=1.0, label="joy", state="away"),
        sample.person("a", time=5.0, since=1.0, label="joy"),
        sample.heartbeat(9.0),
    ]
    spans = [(one.start, one.end) for one in steady_states(gathered(published(bodies)))]
    assert spans == [(1.0, 2.0), (2.0, 9.0)]


def test_nobody_has_no_state() -> None:
    assert steady_states(silent()) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(["joy", "anger"]),
            st.sampled_from(["present", "away"]),
            st.floats(-5, 30),
            st.floats(-5, 30),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_states_of_one_person_never_overlap(told: list[tuple[str, str, str, float, float]]) -> None:
    bodies: list[Message] = [
        sample.person(name, label=label, state=state, time=time, since=since)
        for name, label, state, time, since in told
    ]
    states = steady_states(gathered(published(bodies)))
    for name in ("a", "b"):
        own = [one for one in states if one.person == name]
        assert all(one.start < one.end for one in own)
        assert all(before.end <= after.start for before, after in pairwise(own))
