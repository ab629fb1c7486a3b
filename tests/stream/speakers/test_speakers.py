"""Speakers: one for all, one per feed, and by voice, where merges are told and never silent."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from emotrack.stream.people.enrolment.known import mean_of
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.apart import make_assigners
from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerEvent, VoicedSpeakers
from emotrack.stream.speakers.clusters import Merged
from helpers.media.voices import Line, hears, learn, listenings, said, voice

VOICE = SpeakerSettings(mode="voice")
LINES = st.lists(st.tuples(st.integers(0, 3), st.integers(10, 150)), min_size=1, max_size=10).filter(
    lambda lines: any(speaker for speaker, _ in lines)
)


def told(lines: list[Line], speakers: VoicedSpeakers, feed: str = "room") -> list[AssignedSpeaker]:
    """Each line given to its speaker once all was heard."""
    for listening in listenings(lines):
        learn(speakers, feed, listening)
    return [speakers.assign(feed, range(line.first, line.end))[0] for line in lines]


@pytest.mark.parametrize(
    ("mode", "expected"), [("single", ["spk1", "spk1", "spk1"]), ("feed", ["room", "anna", "room"])]
)
def test_speakers_by_name(mode: str, expected: list[str]) -> None:
    (assigner,) = make_assigners(SpeakerSettings.model_validate({"mode": mode}), 1)
    speakers: list[AssignedSpeaker] = []
    events: list[SpeakerEvent] = []
    for feed in ("room", "anna", "room"):
        assert assigner.guess(feed, range(10)).id == expected[len(speakers)]
        speaker, happened = assigner.assign(feed, range(10))
        speakers.append(speaker)
        events += happened
    assert [speaker.id for speaker in speakers] == expected
    assert [event.speaker for event in events] == list(dict.fromkeys(expected))
    assert all(event.event == "new" and event.alias_of is None for event in events)
    assert assigner.voices is None


def test_turns_are_told_apart() -> None:
    lines = said((1, 150), (2, 120), (1, 90), (3, 150), (2, 100))
    found = [speaker.id for speaker in told(lines, VoicedSpeakers(VOICE))]
    assert found == ["spk1", "spk2", "spk1", "spk3", "spk2"]


def test_a_voice_is_known_across_feeds() -> None:
    speakers = VoicedSpeakers(VOICE)
    (first,) = told(said((1, 150)), speakers, "room")
    (second,) = told(said((1, 150)), speakers, "phone")
    assert first.id == second.id == "spk1"


def test_a_speaker_is_provisional_until_heard_for_long_enough() -> None:
    few, many = (told(said((1, blocks)), VoicedSpeakers(VOICE))[0].confidence for blocks in (80, 250))
    assert few < many == 1.0


def test_who_speaks_over_another_is_told_with_the_utterance() -> None:
    over = [Line(1, 0, 200), Line(2, 200, 350), Line(1, 350, 500), Line(2, 420, 445)]
    speakers = VoicedSpeakers(VOICE)
    for listening in listenings(over):
        learn(speakers, "room", listening)
    speaker, _ = speakers.assign("room", range(350, 500))
    assert speaker.id == "spk1"
    ((other, blocks),) = ((one.speaker, one.blocks) for one in speaker.others)
    assert other == "spk2" and abs(blocks.start - 420) <= 2 and abs(blocks.stop - 445) <= 2
    assert speakers.guess("room", range(350, 500)).others == (), "told when the utterance is over"


def test_the_merged_speaker_is_told_before_and_named_by_the_older_id() -> None:
    speakers = VoicedSpeakers(VOICE)
    told(said((1, 150), (2, 150)), speakers)
    one = hears(speakers, "room", next(listenings(said((3, 100)))))
    merged = replace(one.voices, learnt=one.voices.learnt + 1, merged={2: Merged(2, 1, 0.9)})
    speakers.take("room", replace(one, voices=merged))
    _, events = speakers.assign("room", range(5000, 5010))
    assert [(event.event, event.speaker, event.alias_of) for event in events] == [("alias", "spk2", "spk1")]
    assert speakers.guess("room", range(5000, 5010)).id == "spk1", (
        "open utterances go to the older speaker too"
    )


def test_a_speaker_of_whom_nothing_was_told_is_merged_in_silence() -> None:
    speakers = VoicedSpeakers(VOICE)
    told(said((1, 150)), speakers)
    one = hears(speakers, "room", next(listenings(said((3, 100)))))
    merged = replace(one.voices, learnt=one.voices.learnt + 1, merged={2: Merged(2, 1, 0.9)})
    speakers.take("room", replace(one, voices=merged))
    assert speakers.assign("room", range(5000, 5010))[1] == []


def test_a_turn_without_a_voice_goes_to_whoever_spoke_last_on_the_feed() -> None:
    speakers = VoicedSpeakers(VOICE)
    speaker, events = speakers.assign("room", range(5000, 5010))
    assert speaker == AssignedSpeaker("room", 0.0) and [event.event for event in events] == ["new"]
    lines = said((1, 150), (2, 150))
    assert [one.id for one in told(lines, speakers)] == ["spk1", "spk2"]
    assert speakers.assign("room", range(5000, 5010))[0].id == "spk2"
    assert speakers.assign("elsewhere", range(5000, 5010))[0] == AssignedSpeaker("elsewhere", 0.0)


def test_who_is_only_seen_is_nobody_who_spoke() -> None:
    speakers = VoicedSpeakers(VOICE)
    told(said((1, 150)), speakers)
    assert speakers.assign("room", range(0))[0] == AssignedSpeaker("room", 0.0)
    assert speakers.guess("room", range(5000, 5010)).id == "spk1", "who spoke last is still known"


@given(LINES, st.integers(1, 4))
@settings(deadline=None, max_examples=15)
def test_any_conversation_is_told_consistently(lines: list[tuple[int, int]], maximum: int) -> None:
    script = said(*lines)
    alive: set[str] = set()
    ever: set[str] = set()
    speakers = VoicedSpeakers(SpeakerSettings(mode="voice", maximum_speakers=maximum))
    for listening in listenings(script):
        learn(speakers, "room", listening)
        speaker, events = speakers.assign("room", range(max(0, listening.end - 16), listening.end))
        for event in events:
            if event.event == "new":
                assert event.speaker not in ever, "a name is never used twice"
                alive.add(event.speaker)
                ever.add(event.speaker)
            else:
                assert event.speaker in alive and event.alias_of in alive
                alive.remove(event.speaker)
        assert speaker.id in alive
        assert 0 <= speaker.confidence <= 1


@pytest.mark.parametrize("mode", ["single", "voice"])
def test_conversations_apart_have_speakers_of_their_own(mode: str) -> None:
    chosen = SpeakerSettings.model_validate({"mode": mode, "conversations": "apart"})
    room, phone = make_assigners(chosen, 2)
    names = {room.assign("room", range(3))[0].id, phone.assign("phone", range(3))[0].id}
    assert names == ({"room-spk1", "phone-spk1"} if mode == "single" else {"room", "phone"})
    if room.voices is not None:
        told(said((1, 150)), room.voices)
        assert room.assign("room", range(150))[0].id == "room-spk1"


@pytest.mark.parametrize(
    "wrong", [{"mode": "face"}, {"same_voice": 1}, {"maximum_speakers": 0}, {"founding_speech": 0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SpeakerSettings.model_validate(wrong)


def test_who_spoke_before_their_voice_was_known_is_told_afterwards() -> None:
    lines = said((1, 40), (0, 10), (1, 150))
    speakers = VoicedSpeakers(VOICE)
    first = range(lines[0].first, lines[0].end)
    assert speakers.assign("room", first)[0] == AssignedSpeaker("room", 0.0)
    assert speakers.reconsider("room", first, "room") == (None, []), "nothing more was heard"
    for listening in listenings(lines):
        learn(speakers, "room", listening)
    now, events = speakers.reconsider("room", first, "room")
    assert now is not None and now.id == "spk1"
    assert [(event.event, event.speaker) for event in events] == [("new", "spk1")]
    assert speakers.reconsider("room", first, "spk1") == (None, []), "once"


def test_an_utterance_of_two_stays_whose_it_was() -> None:
    speakers = VoicedSpeakers(VOICE)
    told(said((1, 150), (2, 150)), speakers)
    assert speakers.reconsider("room", range(60, 240), "spk2") == (None, [])


def test_who_is_told_to_be_somebody_else_is_not_told_twice() -> None:
    speakers = VoicedSpeakers(VOICE)
    told(said((1, 150), (2, 150)), speakers)
    one = hears(speakers, "room", next(listenings(said((3, 100)))))
    merged = replace(
        one.voices,
        learnt=one.voices.learnt + 1,
        merged={2: Merged(2, 1, 0.9)},
        told=dict.fromkeys(one.voices.told, 1),
    )
    speakers.take("room", replace(one, voices=merged))
    now, events = speakers.reconsider("room", range(150, 300), "spk2")
    assert now is None
    assert [(event.event, event.speaker, event.alias_of) for event in events] == [("alias", "spk2", "spk1")]


@pytest.mark.parametrize("mode", ["single", "feed"])
def test_without_voices_nothing_is_reconsidered(mode: str) -> None:
    (assigner,) = make_assigners(SpeakerSettings.model_validate({"mode": mode}), 1)
    assert assigner.reconsider("room", range(10), "room") == (None, [])


def test_apart_an_utterance_passes_to_another_of_its_feed() -> None:
    apart = SpeakerSettings(mode="voice", conversations="apart")
    assigner, _ = make_assigners(apart, 2)
    assert assigner.voices is not None
    for listening in listenings(said((1, 150), (2, 150))):
        learn(assigner.voices, "room", listening)
    now, events = assigner.reconsider("room", range(160, 290), "room-spk1")
    assert now is not None and now.id == "room-spk2"
    assert [event.speaker for event in events] == ["room-spk2"]
    assert assigner.reconsider("room", range(160, 290), "room-spk2") == (None, [])


def test_apart_who_is_enrolled_is_who_they_are_in_every_feed() -> None:
    apart = SpeakerSettings(mode="voice", conversations="apart")
    anna = np.stack([voice(1, take) for take in range(20)])
    assigners = make_assigners(apart, 2, {"anna": mean_of(anna)})
    told = []
    for feed, assigner in zip(("room", "hall"), assigners, strict=True):
        assert assigner.voices is not None
        for listening in listenings(said((1, 300), (2, 150))):
            learn(assigner.voices, feed, listening)
        for blocks, name in ((range(10, 290), "anna"), (range(310, 440), f"{feed}-spk2")):
            speaker, events = assigner.assign(feed, blocks)
            assert speaker.id == name
            told += [(event.event, event.speaker) for event in events]
    assert told == [("new", "anna"), ("new", "room-spk2"), ("new", "hall-spk2")]


def test_what_was_heard_before_a_turn_says_little_of_who_takes_it() -> None:
    speakers = VoicedSpeakers(VOICE)
    told(said((1, 300)), speakers)
    begun, going_on = (speakers.guess("room", range(start, 316)) for start in (290, 200))
    assert begun.id == going_on.id == "spk1"
    assert begun.confidence < 0.4 and going_on.confidence > 0.9
