"""Speakers: one for all, one per feed, and by voice, where merges are told and never silent."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from emotrack.errors import UserError
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerEvent, VoicedSpeakers, make_assigners
from emotrack.stream.speakers.voices import VoiceClusters
from helpers.media.voices import FakeVoices, utterance

SILENCE = np.zeros(16_000, np.float32)
VOICE = SpeakerSettings(mode="voice")


def by_voice(noise: float = 1.0, **changes: float) -> VoicedSpeakers:
    return VoicedSpeakers(FakeVoices(noise), SpeakerSettings.model_validate({"mode": "voice", **changes}))


def toward(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


@pytest.mark.parametrize(
    ("mode", "expected"), [("single", ["spk1", "spk1", "spk1"]), ("feed", ["room", "anna", "room"])]
)
def test_speakers_by_name(mode: str, expected: list[str]) -> None:
    (assigner,) = make_assigners(SpeakerSettings.model_validate({"mode": mode}), 1)
    speakers: list[AssignedSpeaker] = []
    events: list[SpeakerEvent] = []
    for feed in ("room", "anna", "room"):
        assert assigner.guess(feed).id == expected[len(speakers)]
        speaker, told = assigner.assign(feed, SILENCE, 0.0, 1.0)
        speakers.append(speaker)
        events += told
    assert [speaker.id for speaker in speakers] == expected
    assert [event.speaker for event in events] == list(dict.fromkeys(expected))
    assert all(event.event == "new" and event.alias_of is None for event in events)


def test_long_turns_are_told_apart() -> None:
    assigner = by_voice()
    order = [1, 2, 1, 3, 2, 3, 1, 1, 2, 3]
    ids = [assigner.assign("room", utterance(who, 5, take), 0, 5)[0].id for take, who in enumerate(order, 1)]
    assert ids == [f"spk{who}" for who in order]


def test_a_voice_is_known_across_feeds() -> None:
    assigner = by_voice()
    first, _ = assigner.assign("room", utterance(1, 5), 0, 5)
    second, events = assigner.assign("phone", utterance(1, 5, 2), 6, 11)
    assert (first.id, second.id, events) == ("spk1", "spk1", [])


def test_a_short_turn_founds_no_speaker_and_is_less_sure() -> None:
    assigner = by_voice()
    assigner.assign("room", utterance(1, 8), 0, 8)
    speaker, events = assigner.assign("room", utterance(2, 1), 8, 9)
    assert (speaker.id, events) == ("spk1", [])
    assert speaker.confidence <= 0.5
    speaker, events = assigner.assign("room", utterance(2, 5), 9, 14)
    assert [(event.event, event.speaker) for event in events] == [("new", "spk2")]
    assert speaker.id == "spk2"


def test_a_speaker_is_provisional_until_heard_for_long_enough() -> None:
    assigner = by_voice(noise=0.01, enough_speech=3.0)
    confidences = [assigner.assign("room", utterance(1, 1, take), 0, 1)[0].confidence for take in range(1, 6)]
    assert confidences == sorted(confidences)
    assert confidences[0] == pytest.approx(1 / 3) and confidences[-1] == 1.0


def test_two_speakers_who_turn_out_to_be_one_are_aliased() -> None:
    clusters = VoiceClusters(VOICE)
    assert clusters.hear(toward(0), 20).speaker == 1
    assert clusters.hear(toward(42), 2.5).speaker == 2, "too unlike, after little speech"
    assert clusters.hear(toward(25), 10).merged == ()
    heard = clusters.hear(toward(22), 10)
    assert [(younger, older) for younger, older, _ in heard.merged] == [(2, 1)]
    assert clusters.hear(toward(25), 10).speaker == 1
    assert clusters.hear(toward(120), 10).speaker == 3, "a number is never used twice"


def test_the_merged_speaker_is_told_before_and_named_by_the_older_id() -> None:
    class ByAngle:
        """The samples hold the angle of the voice."""

        rate = 16_000

        def embed(self, audio: np.ndarray) -> np.ndarray:
            return toward(float(audio[0]))

    assigner = VoicedSpeakers(ByAngle(), VOICE)
    answers = [
        assigner.assign(feed, np.full(round(seconds * 16_000), angle, np.float32), 0, seconds)
        for feed, angle, seconds in (("a", 0, 20.0), ("b", 42, 2.5), ("b", 25, 10.0), ("b", 22, 10.0))
    ]
    speaker, events = answers[-1]
    assert speaker.id == "spk1"
    (event,) = events
    assert (event.event, event.speaker, event.alias_of) == ("alias", "spk2", "spk1")
    assert event.confidence == pytest.approx(0.9, abs=0.05)
    assert assigner.guess("b").id == "spk1", "open utterances go to the older speaker too"


def test_a_turn_without_a_voice_goes_to_whoever_spoke_last_on_the_feed() -> None:
    assigner = by_voice()
    speaker, events = assigner.assign("room", SILENCE, 0, 1)
    assert speaker == AssignedSpeaker("spk1", 0.0) and [event.event for event in events] == ["new"]
    assert assigner.assign("room", utterance(1, 5), 1, 6) == (AssignedSpeaker("spk1", 1.0), [])
    assert assigner.assign("room", utterance(2, 5), 6, 11)[0].id == "spk2"
    assert assigner.assign("room", SILENCE, 11, 12)[0].id == "spk2"
    assert assigner.assign("room", SILENCE[:0], 12, 12)[0].id == "spk2"


TURNS = st.lists(
    st.tuples(st.integers(1, 12), st.floats(0.1, 12), st.sampled_from(["room", "phone"])), max_size=40
)


@given(TURNS, st.integers(1, 5))
def test_any_conversation_is_told_consistently(turns: list[tuple[int, float, str]], maximum: int) -> None:
    def run() -> list[tuple[AssignedSpeaker, list[SpeakerEvent]]]:
        assigner = by_voice(maximum_speakers=maximum)
        return [
            assigner.assign(feed, utterance(who, seconds, take), 0, seconds)
            for take, (who, seconds, feed) in enumerate(turns, 1)
        ]

    answers = run()
    alive: set[str] = set()
    ever: set[str] = set()
    for speaker, events in answers:
        for event in events:
            if event.event == "new":
                assert event.speaker not in ever
                alive.add(event.speaker)
                ever.add(event.speaker)
            else:
                assert event.alias_of in alive and event.speaker in alive - {event.alias_of}
                alive.remove(event.speaker)
        assert speaker.id in alive
        assert 0 <= speaker.confidence <= 1
        assert len(alive) <= maximum
    assert answers == run()


def test_voices_without_the_package_name_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(UserError, match=r"pip install 'emotrack\[voices\]'"):
        make_assigners(VOICE, 1)


@pytest.mark.parametrize(
    "wrong", [{"mode": "face"}, {"maximum_speakers": 0}, {"same_voice": 2}, {"unknown": 1}]
)
def test_settings_refuse_what_makes_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SpeakerSettings.model_validate(wrong)
