"""Voices in clusters: told apart whatever one listening made of them, named consistently, and bounded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.clusters import RECENT, REMEMBERED, Merged, VoiceClusters, Voices
from emotrack.stream.speakers.listening import STEP, VoiceWindow
from helpers.media.voices import Line, heard, listenings, said, voice

CONVERSATIONS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 200)), min_size=1, max_size=12).filter(
    lambda lines: any(speaker for speaker, _ in lines)
)


def learnt(lines: list[Line], clusters: VoiceClusters | None = None, *, deaf: bool = False) -> VoiceClusters:
    clusters = clusters or VoiceClusters(SpeakerSettings())
    for listening in listenings(lines, deaf=deaf):
        clusters.learn("room", listening.windows)
    return clusters


def owners(lines: list[Line], clusters: VoiceClusters) -> list[tuple[int, int | None]]:
    """Who speaks in each window of the whole conversation, and whom it is given to."""
    return [
        (line.speaker, clusters.voices.speaker(("room", window.middle)))
        for listening in listenings(lines)
        for window in listening.windows
        for line in lines
        if line.first <= window.middle < line.end
    ]


@pytest.mark.parametrize("deaf", [False, True])
def test_voices_are_told_apart_whether_one_listening_does_or_not(deaf: bool) -> None:
    lines = said((1, 150), (2, 120), (1, 90), (3, 200), (2, 100), (1, 150))
    told = owners(lines, learnt(lines, deaf=deaf))
    assert len({speaker for speaker, _ in told}) == 3
    assert len(set(told)) == 3, "each speaker has one number, and each number one speaker"


def test_speakers_are_numbered_in_the_order_in_which_they_were_heard() -> None:
    lines = said((7, 150), (0, 20), (4, 150), (7, 100))
    assert {number for who, number in owners(lines, learnt(lines)) if who == 7} == {1}


def test_somebody_who_comes_back_after_minutes_is_known() -> None:
    silence = VoiceClusters(SpeakerSettings())
    for block in range(0, (RECENT + 200) * STEP, STEP):
        who = 1 if block < 60 * STEP else 2
        silence.learn("room", [VoiceWindow(block, voice(who, block), 0)])
    end = (RECENT + 200) * STEP
    for block in range(end, end + 30 * STEP, STEP):
        silence.learn("room", [VoiceWindow(block, voice(1, block), 0)])
    assert silence.voices.speaker(("room", end + 20 * STEP)) == 1


def test_too_little_of_a_voice_founds_no_speaker() -> None:
    lines = said((1, 200), (2, 30), (1, 100))
    assert learnt(lines).voices.known.keys() == {1}


def test_no_more_speakers_than_asked_for() -> None:
    lines = said(*((speaker, 150) for speaker in range(1, 7)))
    settings_ = SpeakerSettings(maximum_speakers=2)
    assert len(learnt(lines, VoiceClusters(settings_)).voices.known) <= 2


def test_two_who_turn_out_to_be_one_are_told_of_once_the_older_name_stays() -> None:
    clusters = VoiceClusters(SpeakerSettings())
    between = [voice(1, take, 0.4) for take in range(60)]
    far = [voice(2, take, 0.4) for take in range(20)]
    clusters.learn("room", [VoiceWindow(STEP * place, one, 0) for place, one in enumerate(between[:20])])
    clusters.learn("a", [VoiceWindow(STEP * place, one, 0) for place, one in enumerate(far)])
    assert [*clusters.voices.known] == [1, 2]
    for round_ in range(12):
        bridge = [
            (one + other) / np.linalg.norm(one + other) for one, other in zip(between, far, strict=False)
        ]
        clusters.learn(
            "b", [VoiceWindow(STEP * (100 * round_ + place), one, 0) for place, one in enumerate(bridge)]
        )
    assert [(one.younger, one.older) for one in clusters.voices.merged.values()] == [(2, 1)]
    assert clusters.voices.speaker(("a", 0)) == 1, "what was said of the younger is the older's"


@given(CONVERSATIONS, st.booleans())
@settings(deadline=None, max_examples=25)
def test_the_same_windows_give_the_same_answers(lines: list[tuple[int, int]], deaf: bool) -> None:
    script = said(*lines)
    one, other = learnt(script, deaf=deaf), learnt(script, deaf=deaf)
    assert owners(script, one) == owners(script, other)


@given(CONVERSATIONS)
@settings(deadline=None, max_examples=25)
def test_each_window_is_somebodys_and_numbers_begin_with_1(lines: list[tuple[int, int]]) -> None:
    script = said(*lines)
    clusters = learnt(script)
    numbers = {number for _, number in owners(script, clusters)}
    assert None not in numbers
    assert all(number is not None and number >= 1 for number in numbers)
    assert {number for number in numbers if number} <= {*clusters.voices.known}


def test_what_is_kept_is_bounded() -> None:
    clusters = VoiceClusters(SpeakerSettings())
    for block in range(0, 3 * RECENT * STEP, STEP):
        clusters.learn("room", [VoiceWindow(block, voice(block // (100 * STEP) % 3, block), 0)])
    assert len(clusters._places) <= RECENT + REMEMBERED * len(clusters.voices.known)


def test_nothing_heard_changes_nothing() -> None:
    clusters = learnt(said((1, 150)))
    before = clusters.voices
    assert clusters.learn("room", heard([], 400).windows) is before


def test_with_too_many_voices_those_who_are_known_stay_who_they_are() -> None:
    lines = said((1, 200), (2, 100), (3, 400))
    clusters = learnt(lines, VoiceClusters(SpeakerSettings(maximum_speakers=2)))
    assert {number for who, number in owners(lines, clusters) if who == 1} == {1}
    assert {number for who, number in owners(lines, clusters) if who == 2} == {2}


def test_who_turned_out_to_be_somebody_is_followed_through_several_merges() -> None:
    voices = Voices(merged={3: Merged(3, 1, 0.9), 4: Merged(4, 3, 0.9)})
    assert [voices.now(number) for number in (4, 3, 2, 1)] == [1, 1, 2, 1]


def test_what_was_known_at_one_time_stays_as_it_was() -> None:
    clusters = learnt(said((1, 150)))
    before = clusters.voices
    told, known = dict(before.told), [*before.known]
    learnt(said((2, 150), (1, 100)), clusters)
    assert before.told == told and [*before.known] == known
    assert clusters.voices.learnt > before.learnt
