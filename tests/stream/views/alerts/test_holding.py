"""When alerts begin and are over: by session time alone, with hysteresis, person by person."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.views.alerts import holding
from emotrack.stream.views.alerts.condition import parse_rule
from emotrack.stream.views.alerts.holding import MARGIN, Alert, Watch
from emotrack.stream.wire.protocol.messages import Message, Person
from emotrack.stream.wire.protocol.vocabulary import LABELS
from helpers.bridges.scene import outgoing
from helpers.sessions import sample_messages as sample


def angry(time: float, score: float, name: str = "ann", **changes: Any) -> Person:
    """Somebody with this much anger."""
    rest = (1 - score) / (len(LABELS) - 1)
    scores = {label: score if label == "anger" else rest for label in LABELS}
    return sample.person(name, time=time, scores=scores, **changes)


def alerts(rule: str, bodies: Iterable[Message], *, clear: str | None = None, **options: Any) -> list[Alert]:
    watch = Watch(parse_rule(rule), None if clear is None else parse_rule(clear), **options)
    return [alert for one in outgoing(bodies) for alert in watch.take(one.message)]


def brief(found: Iterable[Alert]) -> list[tuple[str, str, float]]:
    return [(alert.event, alert.person, alert.time) for alert in found]


def test_an_alert_is_raised_when_it_has_held_for_as_long_as_it_must() -> None:
    found = alerts("anger > .6 for 3s", [angry(10.0, 0.7), angry(11.0, 0.9), angry(14.0, 0.8)])
    assert brief(found) == [("raised", "ann", 13.0)]
    assert found[0].since == 10.0 and found[0].rule == "anger > 0.6 for 3s"
    assert found[0].state.scores["anger"] == 0.9  # what held at that moment


def test_silence_is_no_change_and_heartbeats_let_time_pass() -> None:
    beats = [sample.heartbeat(10.0 + second) for second in range(1, 6)]
    assert brief(alerts("anger > .6 for 3s", [angry(10.0, 0.7), *beats])) == [("raised", "ann", 13.0)]


def test_what_does_not_hold_without_a_break_raises_nothing() -> None:
    flicker = [angry(10.0 + step, 0.7 if step % 2 else 0.5) for step in range(20)]
    assert alerts("anger > .6 for 3s", flicker) == []


def test_it_is_over_when_missed_by_a_margin_for_as_long() -> None:
    within = 0.6 - MARGIN / 2
    steps = [(10, 0.7), (14, within), (20, 0.5), (21, 0.58), (22, 0.5), (24, 0.5), (26, 0.5)]
    found = alerts("anger > .6 for 3s", [angry(time, score) for time, score in steps])
    assert brief(found) == [("raised", "ann", 13.0), ("cleared", "ann", 25.0)]
    assert found[1].since == 22.0


def test_one_that_needs_not_last_does_not_flutter_around_its_threshold() -> None:
    steps = [(time, 0.61 if time % 2 else 0.59) for time in range(10, 30)]
    found = alerts("anger > .6", [angry(time, score) for time, score in steps])
    assert brief(found) == [("raised", "ann", 11.0)]


def test_a_condition_of_its_own_says_when_it_is_over() -> None:
    steps = [(10, 0.7), (14, 0.5), (20, 0.25), (21, 0.25), (23, 0.7)]
    bodies = [angry(time, score) for time, score in steps]
    found = alerts("anger > .6", bodies, clear="anger < .3 for 1s")
    assert brief(found) == [("raised", "ann", 10.0), ("cleared", "ann", 21.0), ("raised", "ann", 23.0)]


def test_where_both_conditions_hold_there_is_no_alert() -> None:
    assert alerts("anger > .2", [angry(10.0, 0.7), angry(11.0, 0.7)], clear="anger > .5") == []


def test_who_is_away_meets_no_condition() -> None:
    bodies = [angry(10.0, 0.7), angry(14.0, 0.7, state="away"), angry(18.0, 0.7, state="away")]
    assert brief(alerts("anger > .6 for 3s", bodies)) == [("raised", "ann", 13.0), ("cleared", "ann", 17.0)]
    assert alerts("anger > .6", bodies[1:]) == []


def test_each_person_has_alerts_of_their_own_and_one_may_be_watched_alone() -> None:
    bodies = [angry(10.0, 0.7), angry(10.5, 0.7, "ben"), angry(12.0, 0.1), angry(14.0, 0.7, "ben")]
    assert brief(alerts("anger > .6 for 3s", bodies)) == [("raised", "ben", 13.5)]
    alone = alerts("anger > .6", bodies, person="ann")
    assert brief(alone) == [("raised", "ann", 10.0), ("cleared", "ann", 12.0)]


def test_the_end_of_a_session_ends_its_alerts() -> None:
    found = alerts(
        "label == anger", [sample.session(), angry(10.0, 0.7, label="anger"), sample.session("ended")]
    )
    assert brief(found) == [("raised", "ann", 10.0), ("cleared", "ann", 10.0)]
    assert found[1].reason == "the session ended"


def test_a_tracker_that_begins_again_ends_the_alerts_of_the_session_before() -> None:
    watch = Watch(parse_rule("anger > .6"))
    first, second = outgoing([angry(100.0, 0.7)], "s1"), outgoing([angry(1.0, 0.7)], "s2")
    found = [alert for one in (*first, *second) for alert in watch.take(one.message)]
    assert [(alert.event, alert.session, alert.time) for alert in found] == [
        ("raised", "s1", 100.0),
        ("cleared", "s1", 100.0),
        ("raised", "s2", 1.0),
    ]


def test_who_turns_out_to_be_somebody_else_is_no_second_alert() -> None:
    bodies: list[Message] = [
        angry(10.0, 0.7, "spk3"),
        sample.alias("spk3", "ann", 12.0),
        angry(12.5, 0.7, "ann"),
    ]
    assert brief(alerts("anger > .6 for 1s", bodies)) == [("raised", "spk3", 11.0)]
    known = [angry(9.0, 0.1, "ann"), *bodies]
    found = alerts("anger > .6 for 1s", [*known, angry(14.0, 0.7, "ann")])
    assert brief(found) == [("raised", "spk3", 11.0), ("cleared", "spk3", 12.0), ("raised", "ann", 13.5)]
    assert found[1].reason == "it is ann"


def test_who_is_followed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "MOST", 3)
    bodies = [angry(number, 0.7, f"p{number}") for number in range(5)]
    found = alerts("anger > .6", bodies)
    assert [alert.person for alert in found if alert.event == "cleared"] == ["p0", "p1"]


STEPS = st.lists(
    st.tuples(st.floats(0.01, 4), st.floats(0, 1), st.sampled_from(["ann", "ben"]), st.booleans()),
    max_size=40,
)


@given(steps=STEPS, lasting=st.sampled_from([0, 1, 3]))
def test_alerts_alternate_in_order_and_are_never_early(
    steps: list[tuple[float, float, str, bool]], lasting: int
) -> None:
    bodies, now = list[Message](), 0.0
    for pause, score, name, beat in steps:
        now += pause
        bodies.append(sample.heartbeat(now) if beat else angry(now, score, name))
    found = alerts(f"anger > .6 for {lasting}s", bodies)
    assert brief(found) == brief(alerts(f"anger > .6 for {lasting}s", bodies))
    for name in ("ann", "ben"):
        mine = [alert for alert in found if alert.person == name]
        assert [alert.event for alert in mine] == ["raised", "cleared"] * (len(mine) // 2) + ["raised"] * (
            len(mine) % 2
        )
        assert [alert.time for alert in mine] == sorted(alert.time for alert in mine)
        for alert in mine:
            assert alert.time == pytest.approx(alert.since + lasting)
            told = [one for one in bodies if isinstance(one, Person) and one.person == name]
            meanwhile = [one for one in told if alert.since <= one.time < alert.time]
            limit = 0.6 if alert.event == "raised" else 0.6 - MARGIN
            assert all((one.scores["anger"] > limit) is (alert.event == "raised") for one in meanwhile)
