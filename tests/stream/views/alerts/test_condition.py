"""Conditions as they are written: what each means, that it means the same when written again, and where a
wrong one is wrong."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.views.alerts.condition import (
    AXES,
    COMPARISONS,
    DEEPEST,
    Comparison,
    Condition,
    LabelIs,
    Rule,
    Several,
    parse_rule,
)
from emotrack.stream.wire.protocol.vocabulary import LABELS
from helpers.sessions import sample_messages as sample

NUMBERS = st.floats(-1, 1).map(lambda number: float(f"{number:.3f}"))
COMPARED: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Comparison, st.sampled_from([*LABELS, *AXES]), st.sampled_from([*COMPARISONS]), NUMBERS),
    st.builds(LabelIs, st.sampled_from(LABELS), st.booleans()),
)
CONDITIONS = st.recursive(
    COMPARED,
    lambda inner: st.builds(Several, st.lists(inner, min_size=2, max_size=3).map(tuple), every=st.booleans()),
    max_leaves=8,
)
RULES = st.builds(Rule, CONDITIONS, st.integers(0, 3600).map(float))


@given(rule=RULES)
def test_a_rule_that_is_written_out_reads_as_itself(rule: Rule) -> None:
    assert parse_rule(str(rule)) == rule


WORDS = ("(", ")", "and", "or", "for", "3", "s", ">", "<=", "==", "label", "joy", "-.5")


@given(text=st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_whatever_is_written_is_a_rule_or_wrong_at_a_place(text: str) -> None:
    try:
        assert parse_rule(str(parse_rule(text))) == parse_rule(text)
    except UserError as error:
        sentence = str(error)
        assert sentence.endswith(".") and "\n" not in sentence
        place = int(re.findall(r" is wrong at letter (\d+), ", sentence)[-1])
        assert 1 <= place <= len(text) + 1


def test_and_binds_more_closely_than_or() -> None:
    for joy, anger, fear in product((0.1, 0.9), repeat=3):
        person = sample.person(scores=dict.fromkeys(LABELS, 0.0) | {"joy": joy, "anger": anger, "fear": fear})
        high = [number > 0.5 for number in (joy, anger, fear)]
        held = parse_rule("joy > .5 or anger > .5 and fear > .5").condition.holds(person)
        assert held == (high[0] or (high[1] and high[2]))
        grouped = parse_rule("(joy > .5 or anger > .5) and fear > .5").condition.holds(person)
        assert grouped == ((high[0] or high[1]) and high[2])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("joy>.5", 0), ("joy>.5 for 3s", 3), ("joy>.5 for 250 ms", 0.25), ("joy>.5 for 1.5min", 90)],
)
def test_how_long_it_has_to_hold_has_a_unit(text: str, seconds: float) -> None:
    assert parse_rule(text) == Rule(Comparison("joy", ">", 0.5), seconds)


def test_what_is_not_known_meets_no_comparison() -> None:
    person = sample.person(valence=None)
    assert not any(parse_rule(f"valence {sign} 0").condition.holds(person, 0.5) for sign in COMPARISONS)


@pytest.mark.parametrize(
    ("text", "place", "wanted"),
    [
        ("", "letter 1, the end", "there must be one of label, confidence"),
        ("rage > .6", "letter 1, 'rage'", "anger"),
        ("anger > ", "letter 9, the end", "there must be a number"),
        ("anger == .6", "letter 7, '=='", "there must be <, <=, > or >="),
        ("label > joy", "letter 7, '>'", "there must be == or !="),
        ("label == happy", "letter 10, 'happy'", "there must be a label: neutral, joy"),
        ("anger > .6 fro 3s", "letter 12, 'fro'", "there must be and, or, for or the end"),
        ("anger > .6 for 3", "letter 17, the end", "there must be a unit: ms, s, min, h"),
        ("anger > .6 for 3 weeks", "letter 18, 'weeks'", "there must be a unit"),
        ("anger > .6 for 25 h", "letter 16, '25'", "at most a day"),
        ("anger > .6 for -1 s", "letter 16, '-1'", "at most a day"),
        ("(anger > .6", "letter 12, the end", "there must be a closing parenthesis"),
        ("anger ≥ .6", "letter 7, '≥'", "there must be <, <=, > or >="),
        ("(" * (DEEPEST + 1) + "joy > 0", f"letter {DEEPEST + 1}, '('", "fewer parentheses"),
    ],
)
def test_a_wrong_condition_says_where_and_what_must_be_there(text: str, place: str, wanted: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_rule(text)
    assert place in str(caught.value) and wanted in str(caught.value)


def test_an_endless_condition_is_refused() -> None:
    with pytest.raises(UserError, match="too long"):
        parse_rule("joy > 0 and " * 1_000 + "joy > 0")
