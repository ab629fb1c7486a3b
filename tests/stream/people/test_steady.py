"""A person's steady state: it holds while single labels flicker, follows a change that lasts, and goes on
from a snapshot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.people.expressions import RESTING_FACE, UsualFace
from emotrack.stream.people.steady import SteadyState
from emotrack.stream.settings import PeopleSettings
from emotrack.stream.wire.protocol.vocabulary import LABELS

SETTINGS = PeopleSettings()


def shown(label: str, share: float = 0.7) -> dict[str, float]:
    rest = (1 - share) / (len(LABELS) - 1)
    return {name: share if name == label else rest for name in LABELS}


def person() -> SteadyState:
    return SteadyState(LABELS, SETTINGS, 0.0)


def run(
    state: SteadyState, labels: list[str], start: float = 0.0, share: float = 0.7
) -> list[tuple[float, str]]:
    """A look each half second: when the label changed, and to what."""
    changes = []
    for number, label in enumerate(labels):
        now = start + number / 2
        state.add(f"look {now}", now, 0.5, shown(label, share))
        before = state.label
        state.step(now)
        if state.label != before:
            changes.append((now, state.label))
    return changes


def test_a_flickering_face_changes_nothing_and_a_lasting_one_does_within_four_seconds() -> None:
    random = np.random.default_rng(1)
    state = person()
    flicker = [str(random.choice(["neutral", "neutral", "neutral", "anger", "sadness"])) for _ in range(600)]
    assert len(run(state, flicker)) <= 4
    changes = run(state, ["joy"] * 20, start=300.0)
    assert [label for _, label in changes] == ["joy"] and changes[0][0] <= 304.0
    assert state.since == changes[0][0]
    back = run(state, ["neutral"] * 20, start=310.0)
    assert [label for _, label in back] == ["neutral"] and back[0][0] <= 316.0


def test_an_utterance_that_is_read_anew_counts_once() -> None:
    state = person()
    for end in (1.0, 2.0, 3.0):
        state.add("utterance 1", end, end, shown("anger"))
    state.add("utterance 1", 3.0, 3.0, shown("joy"))
    again = person()
    again.add("utterance 1", 3.0, 3.0, shown("joy"))
    assert state.pooled(3.0) == again.pooled(3.0)
    state.drop("utterance 1")
    assert state.pooled(3.0) == person().pooled(3.0)


def test_what_was_known_fades_while_nothing_comes() -> None:
    state = person()
    run(state, ["joy"] * 20)
    pooled = [state.pooled(10.0 + wait) for wait in (0, 30, 120, 600)]
    joy, known = [one.scores["joy"] for one in pooled], [one.known for one in pooled]
    assert joy == sorted(joy, reverse=True) and joy[-1] < 0.01
    assert known == sorted(known, reverse=True) and known[-1] < 0.01 < 2 < known[0]
    state.step(600.0)
    assert state.label == "joy", "it is left after a while"
    state.step(603.0)
    assert state.label == "neutral"


EVIDENCE = st.lists(
    st.tuples(st.sampled_from(LABELS), st.floats(0.15, 1.0), st.floats(0.05, 15), st.floats(0, 20)),
    max_size=40,
)


@given(EVIDENCE, st.integers(0, 40))
def test_probabilities_sum_to_one_nothing_grows_and_a_snapshot_goes_on(
    evidence: list[tuple[str, float, float, float]], split: int
) -> None:
    state, now = person(), 0.0
    other = person()
    for number, (label, share, seconds, pause) in enumerate(evidence):
        now += pause
        if number == split:
            other.restore(state.snapshot())
        for one in (state, other) if number >= split else (state,):
            one.add(str(number), now, seconds, shown(label, share))
            one.step(now)
        assert sum(state.pooled(now).scores.values()) == pytest.approx(1.0)
    if split < len(evidence):
        assert (other.label, other.since, other.pooled(now)) == (state.label, state.since, state.pooled(now))
    for number in range(200):
        state.add(f"more {number}", now + number, 1.0, shown("neutral"))
    assert len(state.snapshot()["evidence"]) < 40


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(UserError, match=r"^The saved state of a person lacks label"):
        person().restore({"evidence": []})


def test_a_face_that_always_looks_so_says_nothing_by_it() -> None:
    sad = {**dict.fromkeys(LABELS, 0.02), "sadness": 0.6, "neutral": 0.3}
    usual = UsualFace(RESTING_FACE)
    first = usual.unusual(sad, 0.5)
    assert first == pytest.approx({label: share / sum(sad.values()) for label, share in sad.items()})
    for _ in range(600):
        later = usual.unusual(sad, 0.5)
    assert max(later, key=lambda label: later[label]) == "neutral" and later["sadness"] < 0.2
    angry = {**dict.fromkeys(LABELS, 0.02), "anger": 0.7, "neutral": 0.18}
    unusual = usual.unusual(angry, 0.5)
    assert max(unusual, key=lambda label: unusual[label]) == "anger"
