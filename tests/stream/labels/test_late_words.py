"""Words that come late, or never: what their labels wait for, what becomes of them, and that nobody else is
kept waiting."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, NoReturn

import numpy as np
import pytest

from emotrack.model.dialogue.dialogue import Dialogue
from emotrack.stream.labels import describer
from emotrack.stream.labels.waiting import ended as waiting
from emotrack.stream.labels.waiting.patience import WORD_STEPS
from emotrack.stream.session import health
from emotrack.stream.session.health import SHED
from emotrack.stream.session.loop import Loop
from emotrack.stream.sources.media import Source
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from emotrack.stream.utterances.utterance import Utterance
from emotrack.stream.wire.protocol.messages import Emotion, Error, Feed, Heartbeat, Message
from helpers.media.scripted import LoudnessVad, Recogniser, Scripted, cheap, sound, up
from helpers.sessions.tracking import Workbench, emotions

pytestmark = pytest.mark.xdist_group("live session")
HUSH = 1e-3
QUICK = (
    "stream.segmentation.hangover=0.2",
    "stream.segmentation.minimum_speech=0.1",
    "stream.segmentation.pre_roll=0.1",
)


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything loud is speech."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)


Track = Callable[..., list[Message]]


@pytest.fixture
def track(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Track:
    """A session with this recogniser and cheap encoders, at its own pace unless told otherwise."""

    def run(
        recogniser: Recogniser, sources: list[Source], *given: str, realtime: bool = True, **more: Any
    ) -> list[Message]:
        monkeypatch.setattr(workbench, "transcriber", recogniser)
        encoders, overrides = cheap(workbench.encoders), (*QUICK, "stream.modalities=[text,audio]", *given)
        return workbench.track(sources, *overrides, realtime=realtime, encoders=encoders, **more)

    return run


def turns(
    *seconds: float, name: str = "line", lead: float = 0.2, pause: float = 0.5, rest: float = 0.5
) -> Source:
    """One utterance after the other, each as long as said, with a pause between them and a rest at the
    end."""
    parts = [part for length in seconds for part in ((length, 0.2), (pause, HUSH))]
    return Scripted(name, [*up("audio"), *sound((lead, HUSH), *parts[:-1], (rest, HUSH))])


LATE = "Words do not come in time, and labels do without them until they do: "


def errors(messages: list[Message]) -> list[Error]:
    """What is told beside that words are late, which is told once."""
    told = [message for message in messages if isinstance(message, Error)]
    assert sum(message.message.startswith(LATE) for message in told) <= 1
    return [message for message in told if not message.message.startswith(LATE)]


def last_labels(messages: list[Message]) -> dict[int, Emotion]:
    """What stands of each utterance in the end."""
    return {message.utterance: message for message in messages if isinstance(message, Emotion)}


def test_late_words_make_of_every_label_what_they_would_have_made_in_time(track: Track) -> None:
    """Also of those of utterances in between: the dialogue is the one that it would have been."""
    source = turns(0.3, 0.45, 0.6, rest=1.5)
    every = "stream.labels.revision_threshold=0"
    in_time = track(Recogniser(), [source], every, realtime=False)
    late = track(Recogniser(0.7), [source], every, "stream.labels.text_deadline=0.05")
    for final in emotions(late, "final"):
        assert final.modalities["text"].reason == "late" and final.transcript is None
        words = next(
            m
            for m in emotions(late, "revised")
            if m.utterance == final.utterance and m.transcript is not None
        )
        assert (
            words.modalities["text"].present
            and words.timing_ms.transcribe is not None
            and words.timing_ms.transcribe > 600
        )
        assert words.timing_ms.total is not None and final.timing_ms.total is not None
        assert words.timing_ms.total > final.timing_ms.total and words.speaker == final.speaker
    expected, found = last_labels(in_time), last_labels(late)
    assert len(expected) == 3 and expected.keys() == found.keys()
    for number, label in expected.items():
        assert found[number].transcript == label.transcript and found[number].modalities == label.modalities
        np.testing.assert_allclose(
            list(found[number].scores.values()), list(label.scores.values()), atol=2e-4
        )
    for number in expected:
        history = [m.revision for m in late if isinstance(m, Emotion) and m.utterance == number]
        assert history == list(range(len(history)))


def test_words_that_the_dialogue_cannot_take_are_published_beside_the_label(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Dialogue, "amend", fail)
    messages = track(Recogniser(0.5), [turns(0.3, 0.4, rest=1.5)], "stream.labels.text_deadline=0.05")
    finals = emotions(messages, "final")
    (told,) = errors(messages)
    assert told.continues and "out of memory" in told.message and len(finals) == 2
    for final in finals:
        last = last_labels(messages)[final.utterance]
        assert final.transcript is None and last.transcript is not None and last.label == final.label
        assert not last.modalities["text"].present


def test_fast_runs_wait_and_no_words_are_late(track: Track) -> None:
    messages = track(Recogniser(0.3), [turns(0.3, 0.4)], "stream.labels.text_deadline=0", realtime=False)
    assert [final.transcript is not None for final in emotions(messages, "final")] == [True, True]
    assert [m.shed["late_texts"] for m in messages if isinstance(m, Heartbeat)][-1] == 0


def test_words_are_not_waited_for_without_end(track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LATE_SECONDS", 0.3)
    recogniser = Recogniser(1.0)
    messages = track(recogniser, [turns(0.3, rest=1.2)], "stream.labels.text_deadline=0")
    (final,) = emotions(messages, "final")
    assert final.modalities["text"].reason == "late" and not emotions(messages, "revised")
    assert recogniser.abandoned == 1


def test_words_that_come_when_their_label_is_beyond_revision_are_published_with_it_as_it_stands(
    track: Track,
) -> None:
    recogniser = Recogniser(lambda opened: 6.0 if opened == 0 else 0.0)
    messages = track(recogniser, [turns(*[0.3] * 7, rest=2.5)], "stream.labels.text_deadline=0.05")
    of_first = [message for message in messages if isinstance(message, Emotion) and message.utterance == 1]
    last, before = of_first[-1], of_first[-2]
    assert [message.revision for message in of_first] == list(range(len(of_first)))
    assert recogniser.abandoned == 0 and last.transcript is not None
    assert (
        last.state == "revised"
        and last.modalities == before.modalities
        and not last.modalities["text"].present
    )
    assert last.modalities["text"].reason == "late" and last.timing_ms.transcribe is not None
    assert (last.label, last.scores, last.speaker) == (before.label, before.scores, before.speaker)


def test_of_words_that_are_late_a_bounded_amount_is_waited_for_and_the_oldest_are_given_up(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is counted, and told once."""
    monkeypatch.setattr(waiting, "LATE_BYTES", 300_000)  # a second or so
    recogniser = Recogniser(lambda opened: 30.0 if opened < 6 else 0.0)
    messages = track(recogniser, [turns(*[0.4] * 7, rest=0.5)], "stream.labels.text_deadline=0.05")
    *_, beat = (message for message in messages if isinstance(message, Heartbeat))
    lost = beat.shed["lost_texts"]
    assert 1 <= lost <= 5 and beat.queues["late_words"] <= 6 - lost
    (told,) = errors(messages)
    assert told.continues and "too far behind" in told.message
    assert len(emotions(messages, "final")) == 7 and not [
        message for message in emotions(messages, "revised") if message.transcript is not None
    ]


class Overrun(Recogniser):
    """Behind from the first, with words that come when their labels are long out, until it is relieved."""

    def __init__(self) -> None:
        super().__init__(lambda _: 0.0 if self.relieved else 0.8)
        self.relieved = False

    @property
    def backlog(self) -> float:
        return 0.0 if self.relieved else 1.4


def test_a_recogniser_that_is_behind_costs_labels_their_words_step_by_step_and_all_is_taken_back(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"STANDING": 0.05, "WORDS_UP_AFTER": 0.05, "WORDS_DOWN_AFTER": 0.1}.items():
        monkeypatch.setattr(health, name if name.startswith("WORDS") else f"{name}_SECONDS", seconds)
    monkeypatch.setattr(health, "WORDS_FURTHER_DOWN_AFTER", 0.05)
    recogniser = Overrun()

    def react(loop: Loop, message: Message) -> None:
        if isinstance(message, Emotion) and message.state == "final" and message.utterance == 4:
            recogniser.relieved = True

    messages = track(recogniser, [turns(*[0.4] * 7, rest=1.5)], react=react)
    finals = {final.utterance: final for final in emotions(messages, "final")}
    assert [finals[number].modalities["text"].reason for number in (2, 3, 4)] == ["shed"] * 3
    assert finals[7].modalities["text"].present
    words = {message.utterance for message in emotions(messages, "revised") if message.transcript is not None}
    assert {2, 3, 4} <= words
    of_words = [SHED[step] for step in WORD_STEPS]
    told = [
        (message.state, reason)
        for message in messages
        if isinstance(message, Feed)
        and (reason := (message.reason or "").partition(": ")[2])
        in {one for pair in of_words for one in pair}
    ]
    assert [reason for _, reason in told] == [
        *(less for less, _ in of_words),
        *(again for _, again in reversed(of_words)),
    ]
    assert {state for state, _ in told[: len(WORD_STEPS)]} == {"degraded"}
    beats = [message for message in messages if isinstance(message, Heartbeat)]
    assert any(set(WORD_STEPS) <= set(beat.shedding) for beat in beats)
    assert beats[-1].shed["shed_texts"] >= 3 and beats[-1].shed["lost_texts"] == 0


def test_words_that_the_user_wants_no_more_are_let_go(track: Track) -> None:
    def react(loop: Loop, message: Message) -> None:
        if isinstance(message, Emotion) and message.state == "final":
            loop.set_modalities(("audio",))

    recogniser = Recogniser(0.6)
    messages = track(recogniser, [turns(0.3, rest=1.0)], "stream.labels.text_deadline=0", react=react)
    assert (
        len(emotions(messages, "final")) == 1
        and not emotions(messages, "revised")
        and recogniser.abandoned == 1
    )


def test_a_failure_that_comes_late_is_told_and_changes_nothing(track: Track) -> None:
    failing = Recogniser(0.4, failure=TranscriptionError("the model is gone"))
    messages = track(failing, [turns(0.3, rest=0.8)], "stream.labels.text_deadline=0")
    (error,) = errors(messages)
    assert (
        error.continues
        and error.source == "line"
        and error.message == "Transcription failed: the model is gone."
    )
    assert len(emotions(messages, "final")) == 1 and not emotions(messages, "revised")


@pytest.mark.parametrize("realtime", [True, False], ids=["live", "ordered"])
def test_a_recogniser_that_fails_costs_its_words_and_no_more(track: Track, realtime: bool) -> None:
    messages = track(
        Recogniser(failure=TranscriptionError("it was killed")), [turns(0.3, 0.4)], realtime=realtime
    )
    finals = emotions(messages, "final")
    assert [final.modalities["text"].reason for final in finals] == ["transcription failed"] * 2
    assert all(final.transcript is None and final.modalities["audio"].present for final in finals)
    assert [error.message for error in errors(messages)] == ["Transcription failed: it was killed."] * 2


def test_no_feed_waits_long_for_another_feeds_words(track: Track) -> None:
    """The first one's words come two seconds late, when the other has long been labelled."""
    sources = [turns(0.4, name="slow", rest=2.6), turns(0.4, name="quick", lead=0.4, rest=2.4)]
    messages = track(
        Recogniser(lambda opened: 2.0 if opened == 0 else 0.0), sources, "stream.labels.text_deadline=10"
    )
    slow, quick = emotions(messages, "final")
    assert (slow.source, quick.source) == ("slow", "quick")  # the order of the endpoints stays
    assert slow.modalities["text"].reason == "late" and quick.transcript is not None
    assert quick.timing_ms.total is not None and waiting.YIELD_SECONDS * 1e3 <= quick.timing_ms.total < 1_700
    (words,) = [m for m in emotions(messages, "revised") if m.transcript is not None]
    assert words.source == "slow" and words.modalities["text"].present


def test_a_feed_that_holds_nobody_up_has_the_whole_deadline(track: Track) -> None:
    sources = [turns(0.4, name="slow", rest=2.0), turns(0.0, name="silent")]
    messages = track(Recogniser(1.2), sources, "stream.labels.text_deadline=10")
    (final,) = emotions(messages, "final")
    assert (
        final.transcript is not None
        and final.timing_ms.transcribe is not None
        and final.timing_ms.transcribe > 1_100
    )


def test_at_the_end_words_are_waited_for_as_long_as_their_labels_would_have(track: Track) -> None:
    """The slow one yields to the other; then the files end, and its words are yet to come."""
    sources = [turns(0.4, name="slow", rest=0.9), turns(0.4, name="quick", lead=0.4, rest=0.9)]
    messages = track(
        Recogniser(lambda opened: 2.0 if opened == 0 else 0.0), sources, "stream.labels.text_deadline=10"
    )
    assert [m.source for m in emotions(messages, "revised") if m.transcript is not None] == ["slow"]


def test_a_recogniser_that_hangs_is_told_once_and_waited_for_again_when_it_answers(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "IN_TIME_SECONDS", 0.7)
    source = turns(*[0.3] * 7, pause=0.6)
    messages = track(
        Recogniser(lambda opened: None if opened < 5 else 0.0), [source], "stream.labels.text_deadline=0.7"
    )
    finals = emotions(messages, "final")
    assert len(finals) == 7
    totals = [final.timing_ms.total or 0.0 for final in finals]
    assert min(totals[:3]) >= 550 > max(totals[3:])  # some of the 700 is kept for making the label
    assert [final.transcript is not None for final in finals] == [False] * 5 + [True] * 2
    (error,) = errors(messages)
    assert error.continues and error.source is None and "3 times in a row" in error.message
    assert sum(isinstance(message, Error) and message.message.startswith(LATE) for message in messages) == 1
    after = messages.index(error)
    assert messages.index(finals[2]) < after < messages.index(finals[5])


@pytest.mark.parametrize("partials", [0.1, 60.0], ids=["partials", "finals alone"])
def test_a_fast_run_gives_a_recogniser_up_that_hangs(
    track: Track, monkeypatch: pytest.MonkeyPatch, partials: float
) -> None:
    monkeypatch.setattr(waiting, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(waiting, "REQUEST_SHARE", 0.0)
    monkeypatch.setattr(describer, "WORDS_SECONDS", 0.2)
    hanging, at_the_end = Recogniser(None), set[Future[Transcript]]()

    def watched(futures: Sequence[Future[Transcript]], timeout: float) -> object:
        at_the_end.update(futures)
        return wait(futures, timeout)

    monkeypatch.setattr(waiting, "wait", watched)
    messages = track(
        hanging, [turns(*[0.5] * 12)], f"stream.labels.partial_interval={partials}", realtime=False
    )
    assert (hanging.kept_waiting, len(at_the_end)) == ((2, 2) if partials < 1 else (0, 3))
    assert len(emotions(messages, "partial")) >= (12 if partials < 1 else 0)
    assert [final.modalities["text"].reason for final in emotions(messages, "final")] == [
        "transcription failed"
    ] * 12
    *failed, given_up = errors(messages)
    assert {error.message for error in failed} == {
        "Transcription failed: the recogniser gave no answer within 0 seconds."
    }
    assert len(failed) == (1 if partials < 1 else 2)
    assert "3 times in a row" in given_up.message and given_up.continues


def test_a_fast_run_loses_no_words_to_those_of_open_utterances_that_do_not_come(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three feeds speak at once, and the recogniser, which is slow and no more, is asked for words of all
    before any has ended."""
    monkeypatch.setattr(describer, "WORDS_SECONDS", 0.1)
    sources = [turns(0.5, 0.6, name=name) for name in ("a", "b", "c")]
    messages = track(Recogniser(0.3), sources, "stream.labels.partial_interval=0.1", realtime=False)
    assert len(emotions(messages, "partial")) >= 6 and not errors(messages)
    assert [final.transcript is not None for final in emotions(messages, "final")] == [True] * 6


def test_a_fast_run_waits_again_for_a_recogniser_that_is_done_with_what_it_hung_at(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(waiting, "REQUEST_SHARE", 0.0)

    def delay(opened: int) -> float | None:
        if opened == 5:
            recogniser.answered_at = time.monotonic()
        return None if opened < 5 else 0.1

    recogniser = Recogniser(delay)
    messages = track(recogniser, [turns(*[0.3] * 8)], "stream.labels.partial_interval=60", realtime=False)
    assert [final.transcript is not None for final in emotions(messages, "final")] == [False] * 5 + [True] * 3
    assert [error.message.partition(" ")[0] for error in errors(messages)] == ["Transcription"] * 2 + ["The"]


class Untold(Future[Transcript]):
    """A future at the moment at which it is answered and nobody has been called yet."""

    def add_done_callback(self, callback: Callable[[Future[Transcript]], object]) -> None:
        pass


def test_a_transcript_that_is_there_took_some_time() -> None:
    """However soon it is looked at: the recogniser's thread tells a moment after the transcript can be
    had."""
    words = Recogniser().open()
    utterance = Utterance(1, 0, 0.0, transcription=replace_pause(words, Untold()))
    utterance.transcribe()
    assert utterance.transcribe_ms is None
    time.sleep(0.01)
    assert utterance.transcript is not None
    utterance.transcript.set_result(Transcript("so", "en", "words", None))
    assert utterance.transcribe_ms is not None and utterance.transcribe_ms >= 10


def replace_pause(words: Any, future: Future[Transcript]) -> Any:
    words.pause = lambda: future
    return words
