"""Two sessions beside each other: whether they are of the same media, how far they agree, what changed."""

import json
import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sklearn.metrics import accuracy_score, cohen_kappa_score

from emotrack.stream.views.report.compared import as_data, as_page, as_text, summary
from emotrack.stream.views.report.facts.agreement import agreement, over_time
from emotrack.stream.views.report.facts.comparison import alignment, compared
from emotrack.stream.views.report.facts.intervals import difference, mean
from emotrack.stream.wire.protocol.messages import Emotion, Message
from emotrack.stream.wire.protocol.parts import FeedInfo
from emotrack.stream.wire.recordings.conversation import Conversation, gathered
from helpers.recordings.recorded import evening, line, published
from helpers.sessions import sample_messages as sample


def session(description: str, *bodies: Message, started: int = 0, file: bool = True) -> Conversation:
    """A session over one source, which began `started` seconds later than others."""
    start = 1_760_000_000_000_000_000 + started * 10**9
    feeds = (FeedInfo(source="kitchen", description=description),)
    started_at = sample.session(feeds=feeds, start_unix_ns=start)
    heard = sample.feed("audio", reason="start of file" if file else None)
    told = [
        msgspec.structs.replace(one, start_unix_ns=start) if isinstance(one, Emotion) else one
        for one in bodies
    ]
    ended = sample.session("ended", start_unix_ns=start)
    return gathered(published([started_at, heard, *told, ended]))


def talk(labels: Sequence[str], speaker: str = "ann", **more: Any) -> list[Message]:
    return [
        line(number, speaker, 10 * number, 10 * number + 8, f"line {number}", label=label, **more)
        for number, label in enumerate(labels)
    ]


LABELS = st.lists(st.sampled_from(["neutral", "joy", "anger"]), min_size=1, max_size=12)


@settings(deadline=None)
@given(LABELS, LABELS)
def test_agreement_by_time_is_as_a_library_has_it(first: list[str], second: list[str]) -> None:
    found = agreement(session("a.wav", *talk(first)), session("a.wav", *talk(second)))
    both = min(len(first), len(second))
    assert found.seconds == 8 * both
    assert found.accuracy == pytest.approx(accuracy_score(first[:both], second[:both]))
    if found.kappa is None:
        assert len({*first[:both], *second[:both]}) == 1
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(first[:both], second[:both]))


def test_where_several_speak_the_label_is_that_of_who_began_last() -> None:
    spoken = [
        line(0, "ann", 0, 10, label="joy"),
        line(1, "ben", 4, 6, label="anger"),
        line(2, "ann", 20, 21, label="fear"),
    ]
    bands = [(band.start, band.end, band.label) for band in over_time(spoken)]
    assert bands == [(0, 4, "joy"), (4, 6, "anger"), (6, 10, "joy"), (20, 21, "fear")]


def test_the_same_file_is_the_same_media_wherever_and_whenever_it_was_tracked() -> None:
    first = session("/here/talk.wav", *talk(["joy"] * 3))
    assert alignment(first, session("/there/talk.wav", *talk(["joy"] * 3), started=9_000)) == 0
    assert alignment(first, session("/here/other.wav", *talk(["joy"] * 3))) is None


def test_a_live_source_is_the_same_media_only_at_the_same_time() -> None:
    first = session("mic", *talk(["joy"] * 6), file=False)
    meanwhile = [
        msgspec.structs.replace(one, start=one.start - 20, end=one.end - 20) for one in first.utterances
    ]
    assert alignment(first, session("mic", *meanwhile[2:], started=20, file=False)) == 20
    assert alignment(first, session("mic", *talk(["joy"] * 6), started=86_400, file=False)) is None


def test_what_changed_is_told_utterance_by_utterance() -> None:
    first = session("a.wav", *talk(["joy", "neutral", "anger"]))
    later = [
        line(7, "x", 0, 8, label="joy"),
        line(8, "x", 10.5, 18, label="fear"),
        line(9, "x", 40, 41, label="joy"),
    ]
    found = compared(first, session("a.wav", *later))
    told = [(one and one.label, other and other.label) for one, other in found.pairs]
    assert told == [("joy", "joy"), ("neutral", "fear"), ("anger", None), (None, "joy")]
    assert [pair for pair in told if pair[0] != pair[1]] == [
        (one and one.label, other and other.label) for one, other in found.changed
    ]
    assert [(one.first_name, one.second_name) for one in found.people] == [("ann", "x")]
    assert (
        "Of 2 utterances in both, 1 changed the label; 1 is in the first only, 1 in the second only."
        in summary(found)
    )


def test_a_session_agrees_with_itself() -> None:
    found = compared(session("a.wav", *evening()[3:-1]), session("a.wav", *evening()[3:-1]))
    assert found.agreement is not None and found.agreement.accuracy == 1 and found.agreement.kappa == 1
    assert not found.changed
    for beside in (found.everybody, *found.people):
        assert beside.first == beside.second
        assert beside.valence is not None and (beside.valence.low, beside.valence.high) == (0, 0)


def test_two_occasions_are_compared_by_names_that_stay() -> None:
    first = session("mic", *talk(["joy"] * 3, "ann"), line(9, "spk1", 50, 55), file=False)
    second = session("mic", *talk(["anger"] * 3, "ann"), line(9, "spk1", 50, 55), file=False, started=86_400)
    found = compared(first, second)
    assert found.offset is None and found.agreement is None and found.pairs == ()
    assert [one.first_name for one in found.people] == ["ann"]
    (ann,) = found.people
    assert ann.first.shares == {"joy": 1} and ann.second.shares == {"anger": 1}
    assert ann.first.seconds == 24 and ann.valence is None


VALUES = st.lists(st.floats(-1, 1), min_size=2, max_size=12)


@settings(max_examples=20, deadline=None)
@given(VALUES, VALUES)
def test_an_interval_lies_around_its_mean_and_is_always_the_same(
    values: list[float], others: list[float]
) -> None:
    found, apart = mean(values), difference(values, others)
    assert found is not None and found.low is not None and found.high is not None
    assert (
        min(values) - 1e-9 <= found.low <= found.mean + 1e-9
        and found.mean - 1e-9 <= found.high <= max(values) + 1e-9
    )
    assert mean(values) == found and difference(values, others) == apart
    assert apart is not None and apart.mean == pytest.approx(
        sum(others) / len(others) - sum(values) / len(values)
    )


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    import numpy as np

    random = np.random.default_rng(3)
    held = 0
    for _ in range(100):
        found = mean(random.normal(0.3, 0.2, size=40).clip(-1, 1).tolist())
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 0.3 <= found.high
    assert held >= 85


def test_one_utterance_has_no_interval_and_none_no_mean() -> None:
    found = mean([0.5])
    assert found is not None and found.low is None and found.high is None
    assert mean([]) is None and difference([], [0.1]) is None


def test_the_page_the_text_and_the_data_tell_the_same() -> None:
    first = session("a.wav", *talk(["joy", "neutral", "anger"], valence=0.1, arousal=0.2))
    second = session("a.wav", *talk(["joy", "fear", "anger"], valence=-0.3, arousal=0.2))
    found = compared(first, second)
    console = Console(width=200, file=(printed := StringIO()))
    console.print(as_text(found))
    page, text, data = as_page(found), printed.getvalue(), json.loads(json.dumps(as_data(found)))
    for sentence in summary(found):
        assert sentence in page and sentence in text
    assert data["agreement"]["accuracy"] == pytest.approx(2 / 3)
    assert data["everybody"]["valence"]["mean"] == pytest.approx(-0.4)
    assert "−0.40 [−0.40, −0.40]" in page and "−0.40 [−0.40, −0.40]" in text
    assert re.search(r"0:10 +ann +neutral .* → fear", text)
    assert [[one and one["label"] for one in pair] for pair in data["utterances"]][1] == ["neutral", "fear"]


def test_a_hostile_session_stays_text() -> None:
    bad = "<script>\"&'</script>{{ 7 }}"
    hostile = session(bad, *talk([bad, "joy"]), line(5, "ann", 60, 61, bad))
    page = as_page(compared(hostile, hostile))
    assert "<script" not in page and "&lt;script&gt;" in page


def test_empty_sessions_can_be_compared() -> None:
    found = compared(session("a.wav"), session("a.wav"))
    assert found.offset is None and found.everybody.first.seconds == 0
    assert "Nobody goes by the same name" in as_page(found)
