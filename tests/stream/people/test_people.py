"""Who is there and how they are, in whole sessions: people who say nothing, pictures, several faces, and who
speaks."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageFilter

from emotrack.stream.people.people import People
from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.quality import FaceQuality
from emotrack.stream.seeing.sightings import SeenFace, Sighting
from emotrack.stream.settings import PeopleSettings
from emotrack.stream.sources.media import VideoFrame
from emotrack.stream.wire.protocol.messages import Emotion, Face, Feed, Message, Person, Speaker
from emotrack.stream.wire.protocol.parts import SpeakerRef
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.media.portraits import SIDE, film_of, noisy, smiling
from helpers.media.rooms import HUSH
from helpers.media.scripted import Scripted, by_time, clip_part, down, sound, up
from helpers.sessions import sample_messages as sample
from helpers.sessions.tracking import Collector, Workbench, emotions, without_timing

QUIET = ("stream.modalities=[face]",)


def faces(messages: Sequence[Message], event: str | None = None) -> list[Face]:
    return [one for one in messages if isinstance(one, Face) and event in (None, one.event)]


def people(messages: Sequence[Message]) -> list[Person]:
    return [one for one in messages if isinstance(one, Person)]


@pytest.fixture(scope="module")
def listening(workbench: Workbench) -> list[Message]:
    """Eight seconds of somebody who smiles and says nothing, in a room that can be heard."""
    items = by_time(up("audio", "video"), sound((8.0, HUSH)), film_of(smiling(3), 8))
    return workbench.track([Scripted("desk", items)], transcribe=False)


def test_who_says_nothing_is_told_twice_a_second_and_has_a_state_within_three(
    listening: list[Message],
) -> None:
    told = faces(listening)
    assert [one.event for one in told][:2] == ["appeared", "seen"] and told[0].time <= 0.4
    assert {(one.track, one.person) for one in told} == {(1, "desk")}
    assert 1.8 <= len(told) / (told[-1].time - told[0].time) <= 3
    assert max(np.diff([one.time for one in told])) <= 0.61
    first = people(listening)[0]
    assert first.person == "desk" and first.state == "present" and first.face == 1 and first.time <= 3
    assert not first.speaking and first.utterance is None


def test_the_windows_of_who_says_nothing_are_labelled_as_those_without_sound(
    listening: list[Message], workbench: Workbench
) -> None:
    unheard = workbench.track([Scripted("desk", [*up("video"), *film_of(smiling(3), 8)])], transcribe=False)
    windows, without = emotions(listening, "final"), emotions(unheard, "final")
    assert [(one.start, one.label, one.scores) for one in windows] == [
        (one.start, one.label, one.scores) for one in without
    ]
    assert {one.modalities["audio"].reason for one in windows} == {"no speech"}


def test_what_a_face_message_places_is_in_the_picture(listening: list[Message]) -> None:
    for one in faces(listening):
        assert (one.picture.width, one.picture.height) == (SIDE, SIDE)
        assert 0 <= one.box.left < one.points[2].x < one.box.right <= 1
        assert 0 <= one.box.top < one.points[2].y < one.box.bottom <= 1
        assert one.points[0].x < one.points[1].x and one.points[0].y < one.points[3].y
        if one.scores is not None:
            assert one.label is not None and one.confidence == max(one.scores.values())
            assert sum(one.scores.values()) == pytest.approx(1, abs=1e-3) and one.reason is None


def test_a_poster_has_no_label_no_person_and_is_gone_after_five_seconds(workbench: Workbench) -> None:
    items = by_time(up("audio", "video"), sound((8.0, HUSH)), film_of(noisy(4), 8))
    messages = workbench.track([Scripted("wall", items)], *QUIET, transcribe=False)
    told = faces(messages)
    assert told and {one.label for one in told} == {None} and max(one.time for one in told) < 5
    assert (told[-1].event, told[-1].reason) == ("lost", "motionless face")
    assert not people(messages) and not emotions(messages, "final")
    assert any("does not move" in (one.reason or "") for one in messages if isinstance(one, Feed))


def test_who_cannot_be_read_and_says_nothing_has_no_label(workbench: Workbench) -> None:
    """A blurred face, seen by somebody whose camera is out of focus."""
    blurred = [
        VideoFrame(one.time, np.asarray(Image.fromarray(one.image).filter(ImageFilter.GaussianBlur(2))))
        for one in film_of(smiling(6), 6)
        if isinstance(one, VideoFrame)
    ]
    items = by_time(up("audio", "video"), sound((6.0, HUSH)), blurred)
    messages = workbench.track([Scripted("desk", items)], *QUIET, transcribe=False)
    assert faces(messages) and {one.label for one in faces(messages)} == {None}
    assert "face blurred" in {one.reason for one in faces(messages)}
    assert not [one for one in messages if isinstance(one, Emotion | Person | Speaker)]


def test_a_face_that_goes_is_lost_and_its_person_away_in_a_while(workbench: Workbench) -> None:
    nobody = [
        VideoFrame(4 + step / 5, noisy(4)(np.full((SIDE, SIDE, 3), 90, np.uint8), 0)) for step in range(75)
    ]
    items = by_time(up("video"), film_of(smiling(3), 4), nobody)
    messages = workbench.track([Scripted("desk", items)], *QUIET, transcribe=False)
    (lost,) = faces(messages, "lost")
    assert lost.reason == "no face" and lost.time == pytest.approx(3.8)
    away = people(messages)[-1]
    assert away.state == "away" and away.face is None and 13 <= away.time <= 15


@pytest.mark.parametrize("why", ["no video", "user"])
def test_nothing_of_a_face_is_told_once_it_may_not_be_seen(workbench: Workbench, why: str) -> None:
    items = by_time(
        up("video"), film_of(smiling(3), 4), down("video", 4.0, "unplugged") if why == "no video" else ()
    )
    messages = workbench.track(
        [Scripted("desk", items)],
        *QUIET,
        transcribe=False,
        react=lambda loop, message: (
            loop.set_modalities(("text",))
            if why == "user" and isinstance(message, Face) and message.time > 2
            else None
        ),
    )
    last = faces(messages)[-1]
    assert (last.event, last.reason) == ("lost", why)
    if why == "user":
        assert last.time < 3


def test_a_camera_that_changes_its_resolution_keeps_its_faces(workbench: Workbench) -> None:
    def halved(item: VideoFrame) -> VideoFrame:
        return VideoFrame(item.time, np.ascontiguousarray(item.image[::2, ::2]))

    film = film_of(smiling(3), 6)
    items = [
        *up("video"),
        *(halved(one) if isinstance(one, VideoFrame) and 2 <= one.time < 4 else one for one in film),
    ]
    told = faces(workbench.track([Scripted("desk", items)], *QUIET, transcribe=False))
    assert {one.track for one in told} == {1} and {one.picture.width for one in told} == {SIDE, SIDE // 2}
    assert not [one for one in told if one.event == "lost"]


def test_more_faces_than_are_followed_are_told(workbench: Workbench) -> None:
    items = [*up("video"), *clip_part(0.0, 3.0, at=0.0, sounds=False)]
    one_face = (*QUIET, "stream.vision.maximum_faces=1")
    messages = workbench.track([Scripted("desk", items)], *one_face, transcribe=False)
    reasons = [one.reason for one in messages if isinstance(one, Feed)]
    assert reasons.count("more than 1 faces: the largest are followed") == 1
    assert len({one.track for one in faces(messages, "appeared")}) == 1


def test_the_same_film_gives_the_same_people(workbench: Workbench) -> None:
    def once() -> list[dict[str, object]]:
        items = by_time(up("audio", "video"), sound((3.0, HUSH)), clip_part(18.5, 21.5, at=0.0, sounds=False))
        return without_timing(workbench.track([Scripted("desk", items)], transcribe=False))

    assert once() == once()


def followed(**kind: Any) -> tuple[People, Outbox, Collector]:
    collector = Collector()
    outbox = Outbox("test", [collector])
    return People(outbox, LABELS, PeopleSettings(), **kind), outbox, collector


def test_an_utterance_moves_the_state_of_who_said_it_and_a_corrected_speaker_takes_it_along() -> None:
    state, outbox, collector = followed(voiced=True)
    guess = sample.emotion(1, "spk1", state="partial", start=0.0, end=3.0, label="anger", confidence=0.9)
    outbox.emit(guess)
    state.turn(3.0)
    state.turn(4.0)
    assert people(collector.messages)[-1].label == "anger" and people(collector.messages)[-1].speaking
    outbox.emit(sample.emotion(1, "spk2", start=0.0, end=4.0, label="anger", confidence=0.9))
    for moment in np.arange(4.1, 9, 0.1):
        state.turn(float(moment))
    last = {one.person: one for one in people(collector.messages)}
    assert last["spk2"].label == "anger" and last["spk1"].label == "neutral"
    assert not last["spk1"].speaking and last["spk2"].utterance == 1


def test_an_utterance_that_passes_to_another_afterwards_takes_its_state_along() -> None:
    state, outbox, collector = followed(voiced=True)
    said = sample.emotion(1, "room", start=0.0, end=4.0, label="anger", confidence=0.9)
    outbox.emit(said)
    pass_time(state, 4.0, 5.0)
    outbox.emit(
        msgspec.structs.replace(
            said, state="revised", speaker=SpeakerRef(id="spk1", confidence=0.9, face=None)
        )
    )
    pass_time(state, 5.0, 6.0)
    assert last_of(collector)["spk1"].label == "anger" and last_of(collector)["spk1"].utterance == 1
    gone = last_of(collector)["room"]
    assert gone.state == "away" and gone.utterance is None and "room" not in state._people


def test_who_speaks_with_a_face_and_no_known_voice_is_whose_face_it_is() -> None:
    state, outbox, collector = followed(voiced=True)
    for step in range(10):
        state.see("room", sighting(step / 5, 1))
        pass_time(state, step / 5, step / 5 + 0.2)
    said = sample.emotion(1, "room", source="room", start=0.0, end=2.0)
    unknown = SpeakerRef(id="room", confidence=0.0, face=1)
    outbox.emit(msgspec.structs.replace(said, speaker=unknown))
    pass_time(state, 2.0, 2.5)
    assert {name: one.utterance for name, one in last_of(collector).items()} == {"room-face1": 1}
    known = msgspec.structs.replace(unknown, id="spk1", confidence=0.9)
    outbox.emit(msgspec.structs.replace(said, state="revised", speaker=known))
    pass_time(state, 2.5, 3.5)
    aliases = [(one.speaker, one.alias_of) for one in collector.messages if isinstance(one, Speaker)]
    assert aliases == [("spk1", None), ("room-face1", "spk1")]
    assert last_of(collector)["spk1"].face == 1 and last_of(collector)["spk1"].utterance == 1


def test_a_guess_at_nobody_makes_no_person() -> None:
    state, outbox, collector = followed(voiced=True)
    nobody = SpeakerRef(id="spk1", confidence=0.0, face=None)
    outbox.emit(msgspec.structs.replace(sample.emotion(1, state="partial"), speaker=nobody))
    state.turn(5.0)
    assert not people(collector.messages)


def test_two_who_are_one_have_one_state() -> None:
    state, outbox, collector = followed(voiced=True)
    outbox.emit(sample.emotion(1, "spk1", start=0.0, end=4.0, label="joy", confidence=0.9))
    outbox.emit(sample.emotion(2, "spk2", start=5.0, end=9.0, label="joy", confidence=0.9))
    state.turn(9.0)
    outbox.emit(sample.alias("spk2", "spk1"))
    for moment in np.arange(9.1, 12, 0.1):
        state.turn(float(moment))
    assert {one.person for one in people(collector.messages) if one.time > 9} == {"spk1"}
    assert not any(isinstance(one, Speaker) and one.event == "new" for one in collector.messages)


def test_people_and_messages_are_bounded() -> None:
    state, outbox, collector = followed(voiced=True)
    for number in range(300):
        outbox.emit(sample.emotion(number, f"spk{number}", start=float(number), end=number + 0.9))
        state.turn(number + 1.0)
    before = len(people(collector.messages))
    assert len({one.person for one in people(collector.messages)}) == 300
    for step in range(100):
        state.turn(2_000 + step / 10)
    away = people(collector.messages)[before:]
    assert len(away) <= 2 * 64 and {one.state for one in away} == {"away"}


def pass_time(state: People, start: float, end: float) -> None:
    for step in range(round(start * 10), round(end * 10)):
        state.turn(step / 10)


def last_of(collector: Collector) -> dict[str, Person]:
    return {one.person: one for one in people(collector.messages)}


def sighting(time: float, *tracks: int, logits: np.ndarray | None = None) -> Sighting:
    points = np.array([[40, 40], [60, 40], [50, 52], [42, 62], [58, 62]], np.float32)
    seen = []
    for track in tracks:
        observation = FaceObservation(
            time, track, np.array([30, 20, 70, 80], np.float32), 0.99, points, 0.0, since=0.0
        )
        given = np.eye(8, dtype=np.float32)[1] * 4 if logits is None else logits
        crop, none = np.zeros((48, 48), np.uint8), np.zeros(0, np.float32)
        seen.append(SeenFace(observation, crop, FaceQuality(100, 0.2, 0, 1), none, given))
    return Sighting(0, time, tuple(seen), None, dark=False, picture=(100, 100))


def test_a_face_that_passes_to_another_is_taken_from_who_had_it() -> None:
    state, outbox, collector = followed(one_each=True)
    for step in range(10):
        state.see("room", sighting(step / 5, 1, 2))
        pass_time(state, step / 5, step / 5 + 0.2)
    spoken = sample.emotion(1, "room", source="room", start=0.0, end=2.0)
    outbox.emit(msgspec.structs.replace(spoken, speaker=SpeakerRef(id="room", confidence=1.0, face=2)))
    for step in range(10, 20):
        state.see("room", sighting(step / 5, 1, 2))
        pass_time(state, step / 5, step / 5 + 0.2)
    assert {name: one.face for name, one in last_of(collector).items()} == {
        "room": 2, "room-face1": 1, "room-face2": None,
    }  # fmt: skip
    state.close("room", "no video")
    pass_time(state, 4.0, 30.0)
    assert {one.state for one in last_of(collector).values()} == {"away"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_expression_that_is_no_number_is_no_label(value: float) -> None:
    state, _, collector = followed()
    for step in range(5):
        state.see("room", sighting(step / 5, 1, logits=np.full(8, value, np.float32)))
    assert {(one.label, one.reason) for one in faces(collector.messages)} == {(None, "not finite")}


def test_an_expression_without_a_label_leaves_the_others() -> None:
    contempt = np.zeros(8, np.float32)
    contempt[7] = 900
    state, _, collector = followed()
    for step in range(5):
        state.see("room", sighting(step / 5, 1, logits=contempt))
    assert all(
        one.scores and sum(one.scores.values()) == pytest.approx(1, abs=1e-3)
        for one in faces(collector.messages)
    )


def test_a_gap_in_the_pictures_is_no_second_participant() -> None:
    state, _, collector = followed(one_each=True)
    for time, track in ((0.0, 1), (0.2, 1), (5.0, 2), (5.2, 2)):
        state.see("room", sighting(time, track))
    assert [(one.event, one.person) for one in faces(collector.messages)] == [
        ("appeared", "room"), ("lost", "room"), ("appeared", "room"),
    ]  # fmt: skip


def test_a_revision_of_what_is_long_forgotten_is_no_news() -> None:
    state, outbox, collector = followed()
    outbox.emit(sample.emotion(1, start=0.0, end=4.0, label="anger", confidence=0.9))
    for number in range(2, 30):
        outbox.emit(
            sample.emotion(number, start=number * 2.0, end=number * 2 + 1.9, label="neutral", confidence=0.9)
        )
    state.turn(60.0)
    outbox.emit(sample.emotion(1, state="revised", start=0.0, end=4.0, label="anger", confidence=0.95))
    pass_time(state, 60.1, 65.0)
    assert last_of(collector)["spk1"].scores["anger"] < 0.1
    assert {one.label for one in people(collector.messages) if one.time > 60} <= {"neutral"}


def test_an_utterance_that_ends_without_evidence_ends_all_the_same_and_no_later_one_with_it() -> None:
    state, outbox, collector = followed()
    outbox.emit(sample.emotion(1, state="partial", start=0.0, end=1.0))
    outbox.emit(sample.emotion(2, state="partial", start=2.0, end=3.0))
    outbox.emit(sample.emotion(1, start=0.0, end=1.5))
    state.turn(3.0)
    assert last_of(collector)["spk1"].speaking, "the second one goes on"
    nothing = dict.fromkeys(("text", "audio", "face", "body"), sample.masked("user"))
    outbox.emit(sample.emotion(2, start=2.0, end=3.5, modalities=nothing))
    pass_time(state, 3.1, 20.0)
    assert not last_of(collector)["spk1"].speaking and last_of(collector)["spk1"].state == "away"


def test_what_is_said_last_is_told() -> None:
    state, outbox, collector = followed()
    state.turn(10.0)
    outbox.emit(sample.emotion(1, start=8.0, end=10.0))
    state.finish(10.0)
    assert last_of(collector)["spk1"].utterance == 1


def test_of_who_is_merely_there_nothing_is_told() -> None:
    state, _, collector = followed(one_each=True)
    for step in range(30):
        state.see("room", sighting(step / 5, 1, logits=np.zeros(0, np.float32)))
        pass_time(state, step / 5, step / 5 + 0.2)
    assert faces(collector.messages) and not people(collector.messages)
