"""What a report is made of: times, shares, states, turning points, certainty and what was missing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.views.report.facts.certainty import certainty, in_words
from emotrack.stream.views.report.facts.missing import left_out, missing, outages, shedding
from emotrack.stream.views.report.facts.speaking import common, length, overlap, speaking, united
from emotrack.stream.views.report.facts.states import Band, labelled, people, resampled, shares, steady
from emotrack.stream.views.report.facts.turning import STAYED, turning_points
from emotrack.stream.wire.protocol.parts import OtherSpeech
from emotrack.stream.wire.recordings.conversation import gathered
from helpers.recordings.recorded import conversation_of, evening, line, published
from helpers.sessions import sample_messages as sample

SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda span: (float(span[0]), float(sum(span)))),
    max_size=12,
)


@given(SPANS)
def test_united_time_is_each_second_once(spans: list[tuple[float, float]]) -> None:
    found = united(spans)
    covered = {second for start, end in spans for second in range(int(start), int(end))}
    assert length(found) == len(covered)
    assert all(first[1] < second[0] for first, second in pairwise(found))


@given(SPANS, SPANS)
def test_common_time_is_what_both_cover(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    seconds = [
        {one for start, end in spans for one in range(int(start), int(end))} for spans in (first, second)
    ]
    assert length(common(united(first), united(second))) == len(seconds[0] & seconds[1])


def test_who_spoke_how_long() -> None:
    ann, ben = speaking(gathered(published(evening())))
    assert (ann.person, ann.seconds, ann.turns, ann.utterances, ann.longest) == ("ann", 72, 12, 12, 6)
    assert (ben.person, ben.seconds, ben.overlapped) == ("ben", 66, 6)
    assert ann.share == pytest.approx(72 / 138) and ann.share + ben.share == pytest.approx(1)
    assert overlap(gathered(published(evening()))) == 6


def test_an_answer_within_an_utterance_is_speech_of_who_gives_it_and_interrupts_no_turn() -> None:
    others = (OtherSpeech(speaker="ben", start=2.0, end=3.0),)
    conversation = conversation_of(line(0, "ann", 0, 5, others=others), line(1, "ann", 6, 8))
    ann, ben = speaking(conversation)
    assert (ann.turns, ann.seconds, ann.longest, ann.overlapped) == (1, 7, 8, 1)
    assert (ben.seconds, ben.turns, ben.utterances, ben.overlapped) == (1, 0, 0, 1)


def test_who_is_only_seen_does_not_speak() -> None:
    silent = sample.modalities(text=sample.masked("no speech"), audio=sample.masked("no speech"))
    conversation = conversation_of(line(0, "ann", 0, 3, modalities=silent, words=""))
    assert speaking(conversation) == () and people(conversation) == ("ann",)


def test_a_steady_state_lasts_from_since_until_the_next_and_is_none_of_who_is_away() -> None:
    conversation = conversation_of(
        sample.person("ann", time=5.0, since=1.0, label="joy"),
        sample.person("ann", time=9.0, since=1.0, label="joy"),
        sample.person("ann", time=12.0, since=10.0, label="anger"),
        sample.person("ann", time=20.0, since=10.0, label="anger", state="away"),
        sample.person("ann", time=30.0, since=29.0, label="neutral"),
        sample.heartbeat(40.0),
    )
    found = [(band.start, band.end, band.label) for band in steady(conversation, "ann")]
    assert found == [(1, 10, "joy"), (10, 20, "anger"), (29, 40, "neutral")]


def test_turning_points_are_where_a_state_stays_and_where_valence_moves_beyond_noise() -> None:
    found = turning_points(gathered(published(evening())))
    state, valence = sorted(found, key=lambda point: point.kind)
    assert {point.person for point in found} == {"ben"}
    assert (state.before, state.after, state.time) == ("joy", "sadness", 78)
    assert state.lasted is not None and state.lasted >= STAYED
    assert state.utterance is not None and state.utterance.utterance == 13
    assert float(valence.before) == pytest.approx(0.61, abs=0.01) and float(valence.after) == pytest.approx(
        -0.49, abs=0.01
    )
    assert valence.utterance is not None and valence.utterance.label == "sadness"


def test_a_state_that_does_not_stay_is_no_turning_point() -> None:
    told = [("neutral", 0.0), ("joy", 20.0), ("neutral", 20.0 + STAYED - 1), ("neutral", 60.0)]
    bodies = [sample.person("ann", time=since + 0.5, since=since, label=label) for label, since in told]
    assert turning_points(conversation_of(*bodies, sample.heartbeat(70.0))) == ()


@given(st.lists(st.sampled_from([-0.09, 0.0, 0.09]), min_size=6, max_size=20))
def test_small_steps_turn_nothing(valences: list[float]) -> None:
    bodies = [line(number, "ann", number, number + 0.5, valence=one) for number, one in enumerate(valences)]
    assert turning_points(conversation_of(*bodies)) == ()


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from("ab")), min_size=1, max_size=80), st.integers(1, 30)
)
def test_resampled_bands_are_few_and_keep_the_label_that_took_most(
    told: list[tuple[int, str]], columns: int
) -> None:
    bands, time = [], 0.0
    for seconds, label in told:
        bands.append(Band(time, time + seconds, label))
        time += seconds
    found = resampled(bands, time, columns)
    assert len(found) <= columns
    if len(bands) > columns:
        for column in found:
            held = {
                label: sum(
                    max(0.0, min(band.end, column.end) - max(band.start, column.start))
                    for band in bands
                    if band.label == label
                )
                for label in "ab"
            }
            assert held[column.label] == pytest.approx(max(held.values()))


def test_shares_are_of_time_and_sum_to_one() -> None:
    found = dict(shares(labelled(gathered(published(evening())), "ben")))
    assert found == {"joy": pytest.approx(0.5), "sadness": pytest.approx(0.5)}


def test_how_sure_labels_are_is_counted_and_said() -> None:
    found = certainty(gathered(published(evening())))
    assert found is not None
    assert (found.labels, found.guesses, found.counts[4], found.counts[8]) == (24, 12, 12, 12)
    assert found.chance == pytest.approx(1 / 7)
    assert in_words(found).startswith("12 of 24 labels are hardly more than guesses")


def test_when_nothing_is_sure_it_is_said_of_all_and_of_the_only_one() -> None:
    two = certainty(
        conversation_of(line(0, "ann", 0, 1, confidence=0.3), line(1, "ann", 2, 3, confidence=0.4))
    )
    one = certainty(conversation_of(line(0, "ann", 0, 1, confidence=0.3)))
    sure = certainty(conversation_of(line(0, "ann", 0, 1, confidence=1.0)))
    assert two is not None and in_words(two).startswith("All 2 labels are hardly more than guesses")
    assert one is not None and in_words(one).startswith("The only label is hardly more than a guess")
    assert sure is not None and sure.counts[-1] == 1 and "guess" not in in_words(sure)
    assert certainty(conversation_of()) is None


def test_what_was_missing_is_told_by_reason_with_when() -> None:
    face, body = missing(gathered(published(evening())))
    assert (face.modality, face.reason, face.imputed, face.utterances) == ("face", "camera covered", True, 2)
    assert (face.first, face.last, face.seconds) == (53.5, 71, 11)
    assert (body.modality, body.reason, body.imputed, body.utterances) == ("body", "untrained", False, 24)


def test_outages_last_until_a_feed_is_up_again_and_the_end_of_a_file_is_none() -> None:
    found = conversation_of(
        sample.feed("video", "down", "unplugged", 3.0),
        sample.feed("video", "degraded", "dark", 5.0),
        sample.feed("video", "up", None, 9.0),
        sample.feed("audio", "down", "end of file", 10.0),
        sample.feed(None, "down", "lost", 11.0),
        sample.heartbeat(20.0),
    )
    assert [(one.reason, one.start, one.end) for one in outages(found)] == [
        ("unplugged", 3, 5),
        ("dark", 5, 9),
        ("lost", 11, 20),
    ]


def test_what_was_left_out_is_as_the_last_heartbeat_counts_it() -> None:
    found = gathered(published(evening()))
    assert shedding(found) == 3 and left_out(found) == {"partial left out": 2}
