"""Long turns are transcribed while they last: at their end only the rest remains, and the words depend on the
sound alone."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel

from emotrack.demo.render import LINES
from emotrack.stream.sources.media import AUDIO_RATE
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.transcription.whisper import recogniser
from emotrack.stream.transcription.whisper.decoding import LONGEST_SECONDS, RATE, Decoded, decode
from emotrack.stream.transcription.whisper.recogniser import WhisperTranscriber
from emotrack.stream.transcription.whisper.stream import PASS_SECONDS
from emotrack.stream.transcription.whisper.weights import find_weights
from helpers.media.speech import blocks_of, demo_speech
from helpers.media.words import word_errors, words_of
from helpers.networks.whisper import ask, whisper_session

pytestmark = pytest.mark.xdist_group("whisper")  # the model is loaded once

PATIENCE = 60
"""Seconds after which a test gives up."""


@pytest.fixture(scope="module")
def turn() -> list[np.ndarray]:
    """The demonstration's first three lines without the silence between them, in blocks of 512 at 16 kHz."""
    speech = demo_speech()
    lines = [speech[round((line.start - 0.1) * AUDIO_RATE) :][: 4 * AUDIO_RATE] for line in LINES[:3]]
    return [block.samples_16k for block in blocks_of(np.concatenate(lines))]


@pytest.fixture(scope="module")
def shared() -> Iterator[WhisperTranscriber]:
    """Keeps the model loaded."""
    opened = session()
    yield opened
    opened.close()


def session() -> WhisperTranscriber:
    return whisper_session(find_weights("tiny.en", download=False), model="tiny.en")


@pytest.fixture
def transcriber(shared: WhisperTranscriber) -> Iterator[WhisperTranscriber]:
    opened = session()
    yield opened
    opened.close()


class Lengths:
    """The real decoder, and how much it was given at each call, in samples."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: list[int] = []
        monkeypatch.setattr(recogniser, "decode", self)

    def __call__(self, model: WhisperModel, samples: np.ndarray, **options: Any) -> Decoded:
        if samples.size:
            self.given.append(samples.size)
        return decode(model, samples, **options)


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> Lengths:
    return Lengths(monkeypatch)


@pytest.fixture(scope="module")
def whole(shared: WhisperTranscriber, turn: list[np.ndarray]) -> Transcript:
    """The transcript of the turn that came in one piece."""
    stream = shared.open()
    stream.feed(np.concatenate(turn))
    return stream.pause().result(PATIENCE)


def settled(transcriber: WhisperTranscriber) -> None:
    """Wait until nothing is asked for any more."""
    while not transcriber.idle:
        time.sleep(0.005)


def test_a_turn_longer_than_a_segment_keeps_its_words(whole: Transcript) -> None:
    assert word_errors([(" ".join(line.words for line in LINES[:3]), whole.text)]) <= 0.1
    assert whole.confidence is not None and 0.5 < whole.confidence < 1


def test_at_the_end_only_the_rest_is_transcribed(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], whole: Transcript, lengths: Lengths
) -> None:
    stream = transcriber.open()
    for block in turn:
        stream.feed(block)
    settled(transcriber)
    before = lengths.given.copy()
    assert stream.pause().result(PATIENCE) == whole
    (rest,) = lengths.given[len(before) :]
    assert len(before) >= 2 and rest <= LONGEST_SECONDS * RATE
    assert sum(lengths.given) == 512 * len(turn)  # nothing twice


def test_pausing_and_passes_change_nothing(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], whole: Transcript
) -> None:
    stream = transcriber.open()
    for number, block in enumerate(turn):
        stream.feed(block)
        if number in (70, 200, 201, 300):
            stream.pause()
        if number % 40 == 0:
            stream.partial(0.0)
    assert stream.pause().result(PATIENCE) == whole


def test_a_pause_that_was_cancelled_is_asked_for_anew(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    monkeypatch.setattr(
        recogniser, "decode", lambda *given, **named: free.wait(PATIENCE) and decode(*given, **named)
    )
    busy, stream = transcriber.open(), transcriber.open()
    busy.feed(turn[0])
    running = busy.pause()
    while not running.running():
        time.sleep(0.01)
    for block in turn[:40]:
        stream.feed(block)
    assert stream.pause().cancel()  # as an utterance does that goes on, and is then split at this very place
    again = stream.pause()
    free.set()
    assert again.result(PATIENCE).asr == transcriber.name


def test_words_so_far_follow_the_speech_and_are_the_same_each_time(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], whole: Transcript
) -> None:
    heard = []
    for _ in range(2):
        stream = transcriber.open()
        told = []
        for number, block in enumerate(turn):
            stream.feed(block)
            if number % 16 == 15:
                told.append(stream.partial(PATIENCE))
        stream.close()
        heard.append(told)
    assert heard[0] == heard[1]
    words = [words_of(each.text) if each is not None else [] for each in heard[0]]
    assert words[: int(2 * PASS_SECONDS / 0.512)] == [[]] * int(
        2 * PASS_SECONDS / 0.512
    )  # two passes have to agree
    counts = [len(each) for each in words]
    assert counts == sorted(counts) and counts[-1] >= len(words_of(whole.text)) // 2
    assert all(
        word_errors([(" ".join(words_of(whole.text)[: len(each)]), " ".join(each))]) < 0.4
        for each in words
        if each
    )


def test_words_so_far_are_not_waited_for_in_a_live_session(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(
        recogniser, "decode", lambda *_, **__: (go_on.wait(PATIENCE), Decoded("never mind", "en", 0.0, 2))[1]
    )
    stream = transcriber.open()
    stream.feed(np.concatenate(turn[:100]))
    assert stream.partial(0.0) is None
    assert not transcriber.idle
    go_on.set()


def test_a_live_session_looks_ahead_only_when_it_has_nothing_else_to_do(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(
        recogniser, "decode", lambda *_, **__: (go_on.wait(PATIENCE), Decoded("so", "en", 0.0, 2))[1]
    )
    speaking, paused = transcriber.open(), transcriber.open()
    paused.feed(np.concatenate(turn[:50]))
    words = paused.pause()
    speaking.feed(np.concatenate(turn[:100]))
    speaking.partial(0.0)
    assert transcriber._asked == {words}
    go_on.set()
    settled(transcriber)
    speaking.partial(0.0)
    settled(transcriber)
    assert speaking.partial(0.0) is None  # one pass has nothing to agree with
    speaking.feed(np.concatenate(turn[100:150]))
    speaking.partial(0.0)
    settled(transcriber)
    told = speaking.partial(0.0)
    assert told is not None and told.text == "so"


def test_what_was_fed_too_much_is_forgotten(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], lengths: Lengths
) -> None:
    keep = 230  # of the blocks; a second segment was cut by what followed
    plain = transcriber.open()
    plain.feed(np.concatenate(turn[:keep]))
    expected = plain.pause().result(PATIENCE)
    stream = transcriber.open()
    for block in turn:
        stream.feed(block)
    settled(transcriber)
    lengths.given.clear()
    stream.keep(512 * keep)
    assert stream.pause().result(PATIENCE) == expected
    assert len(lengths.given) == 1  # what was cut before is not decoded again


def test_an_utterance_that_is_given_up_is_not_transcribed(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], lengths: Lengths
) -> None:
    running, expired = ask(transcriber, np.concatenate(turn[:50])), transcriber.open()
    expired.feed(np.concatenate(turn[:300]))
    words = expired.pause()
    expired.conclude()
    expired.close()
    assert running.result(PATIENCE).text
    settled(transcriber)
    assert words.cancelled() and lengths.given == [512 * 50]


def test_an_utterance_that_is_given_up_is_not_transcribed_to_its_end(
    transcriber: WhisperTranscriber, turn: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the segment that is being decoded, though it is not the last."""
    entered, go_on, wanted_then = threading.Event(), threading.Event(), list[bool]()

    def slow(model: WhisperModel, samples: np.ndarray, wanted: Callable[[], bool], **options: Any) -> Decoded:
        entered.set()
        assert go_on.wait(PATIENCE)
        wanted_then.append(wanted())
        return decode(model, samples, wanted=wanted, **options)

    monkeypatch.setattr(recogniser, "decode", slow)
    stream = transcriber.open()
    stream.feed(np.concatenate(turn))
    words = stream.pause()
    stream.conclude()
    assert entered.wait(PATIENCE)
    stream.close()
    go_on.set()
    settled(transcriber)
    assert wanted_then == [False] and (words.cancelled() or words.exception() is not None)
