"""Utterances that turn out to be another speaker's: told once, as if it had been known all along."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from emotrack.stream.sources.media import Source
from emotrack.stream.speakers.assign import AssignedSpeaker, VoicedSpeakers
from emotrack.stream.speakers.listening import Listening
from emotrack.stream.wire.protocol.messages import Emotion, Message, Speaker
from helpers.media.scripted import LoudnessVad, Recogniser, Scripted, sound, up
from helpers.media.voices import Line, heard, said
from helpers.sessions.tracking import Workbench, without_timing

pytestmark = pytest.mark.xdist_group("live session")
BLOCK = 0.032
HUSH = 1e-3
TALK = ((1, 30), (0, 30), (1, 90), (0, 30), (1, 40), (0, 40))
"""A speaker whose first words are too short to know them by."""


class Script:
    """Hears who speaks by a script, in the place of the networks; an ear at each feed."""

    lines: Sequence[Line] = ()

    def __init__(self, encoder: object) -> None:
        pass

    def listen(self, end: int, samples: np.ndarray) -> Listening:
        return heard(self.lines, end)

    def reset(self) -> None:
        pass


def room(talk: Sequence[tuple[int, int]]) -> Source:
    return Scripted(
        "room", [*up("audio"), *sound(*((blocks * BLOCK, 0.2 if who else HUSH) for who, blocks in talk))]
    )


@pytest.fixture(autouse=True)
def listening(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything loud is speech, words come from the length of a sound, and voices from the script."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)
    monkeypatch.setattr("emotrack.stream.labels.conversations.VoiceListener", Script)
    networks = SimpleNamespace(name="script", engines=workbench.networks.heads.engines)
    monkeypatch.setattr("helpers.sessions.tracking.open_turns", lambda pool: networks)
    monkeypatch.setattr(workbench, "transcriber", Recogniser())


def tracked(workbench: Workbench, talk: Sequence[tuple[int, int]] = TALK, *more: str) -> list[Message]:
    Script.lines = said(*talk)
    return workbench.track([room(talk)], "stream.speakers.mode=voice", *more)


def speakers(messages: Sequence[Message], utterance: int) -> list[tuple[str, str]]:
    """What is told of an utterance's speaker, message by message."""
    return [
        (one.state, one.speaker.id)
        for one in messages
        if isinstance(one, Emotion) and one.utterance == utterance and one.state != "partial"
    ]


def test_first_words_are_given_to_who_said_them_once_their_voice_is_known(workbench: Workbench) -> None:
    messages = tracked(workbench)
    first = speakers(messages, 1)
    assert first[0] == ("final", "room"), "nobody is known yet"
    assert first[1] == ("revised", "spk1")
    assert {speaker for _, speaker in first[1:]} == {"spk1"}
    assert {speaker for number in (2, 3) for _, speaker in speakers(messages, number)} == {"spk1"}
    assert [one.speaker for one in messages if isinstance(one, Speaker)] == ["room", "spk1"]


def test_labels_are_then_those_of_a_session_that_knew_from_the_start(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for words, which are read with the lines before them as these were known then."""
    asked = "stream.labels.revision_threshold=0", "stream.modalities=[audio]"
    corrected = tracked(workbench, TALK, *asked)
    known = AssignedSpeaker("spk1", 1.0)
    monkeypatch.setattr(VoicedSpeakers, "_whose", lambda speakers, feed, spoken: known)
    knowing = tracked(workbench, TALK, *asked)
    assert speakers(knowing, 1)[0] == ("final", "spk1")

    def last(messages: Sequence[Message]) -> dict[int, dict[str, float]]:
        return {one.utterance: one.scores for one in messages if isinstance(one, Emotion)}

    assert last(corrected) == last(knowing)


def test_the_same_sound_gives_the_same_revisions(workbench: Workbench) -> None:
    assert without_timing(tracked(workbench)) == without_timing(tracked(workbench))
