"""People known by their voices: never taken for somebody whom they are merely a little like."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emotrack.engines.encoders.sound.turns import EMBEDDING
from emotrack.stream.people.enrolment.known import mean_of, recognised
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.assign import VoicedSpeakers
from emotrack.stream.speakers.enrolled import KNOWN
from helpers.media.voices import learn, listenings, said, voice

ANNA = np.stack([voice(1, take) for take in range(20)])
BEN = np.stack([voice(2, take) for take in range(20)])


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """A voice between two."""
    return mean_of(np.stack([share * one, (1 - share) * other]))


def test_somebody_is_recognised_and_a_stranger_is_not() -> None:
    known = {"anna": mean_of(ANNA), "ben": mean_of(BEN)}
    assert recognised(mean_of(ANNA[5:9]), known, KNOWN) == "anna"
    assert recognised(voice(3, 0), known, KNOWN) is None
    assert recognised(mean_of(ANNA), {}, KNOWN) is None
    assert recognised(mixed(known["anna"], known["ben"], 0.5), known, KNOWN) is None, (
        "who is like both is neither"
    )
    assert recognised(mixed(known["anna"], voice(3, 0, 0.0), 0.2), {"anna": known["anna"]}, KNOWN) is None


@given(st.floats(0, 1))
def test_nobody_is_recognised_below_the_threshold(share: float) -> None:
    anna, stranger = mean_of(ANNA), voice(3, 0, 0.0)
    heard = mixed(anna, stranger, share)
    assert (recognised(heard, {"anna": anna}, KNOWN) == "anna") == (float(heard @ anna) >= KNOWN)


def test_a_speaker_who_is_recognised_is_told_as_an_alias_of_their_name() -> None:
    speakers = VoicedSpeakers(SpeakerSettings(mode="voice"), {"ben": mean_of(BEN), "zoe": voice(9, 0)})
    lines = said((1, 150), (2, 60), (2, 250))
    told = []
    for listening in listenings(lines):
        learn(speakers, "room", listening)
        speaker, events = speakers.assign("room", range(max(0, listening.end - 16), listening.end))
        told += [(event.event, event.speaker, event.alias_of) for event in events]
    assert speaker.id == "ben"
    new = [("new", name, None) for name in ("room", "spk1", "spk2", "ben")]
    assert told == [*new, ("alias", "spk2", "ben")], "until a voice is known it is the room's"
    assert speakers.assign("room", range(100))[0].id == "spk1", "who is not enrolled has a number"


def test_two_voices_of_one_enrolled_person_are_one_speaker() -> None:
    between = mixed(mean_of(ANNA), mean_of(BEN), 0.5)
    speakers = VoicedSpeakers(SpeakerSettings(mode="voice"), {"anna": between})
    lines = said((1, 300), (2, 300))
    for listening in listenings(lines):
        learn(speakers, "room", listening)
    found = {speakers.assign("room", range(line.first, line.end))[0].id for line in lines}
    assert found == {"anna"}
    assert len(between) == EMBEDDING
