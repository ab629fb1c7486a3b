"""Whisper's real code path on a tiny model of random weights: what it says is gibberish, when and how it says
it is not."""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.sources.media import AUDIO_RATE
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from emotrack.stream.transcription.whisper import decoding, recogniser
from emotrack.stream.transcription.whisper.decoding import Decoded
from emotrack.stream.transcription.whisper.recogniser import WhisperTranscriber
from helpers.media.speech import blocks_of, demo_speech
from helpers.networks.whisper import ask, build_tiny_whisper, whisper_session

pytestmark = pytest.mark.xdist_group("whisper")  # the model is built once

PATIENCE = 60
"""Seconds after which a test gives up."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.getbasetemp() / "whisper")


@pytest.fixture
def transcriber(weights: Path) -> Iterator[WhisperTranscriber]:
    said: list[str] = []
    opened = whisper_session(weights, notify=said.append)
    yield opened
    opened.close()
    assert said == []


@pytest.fixture
def speech() -> list[np.ndarray]:
    return [block.samples_16k for block in blocks_of(demo_speech()[AUDIO_RATE // 2 : 3 * AUDIO_RATE])]


def test_the_same_audio_gives_the_same_transcript(
    transcriber: WhisperTranscriber, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "LEAST_LOG_PROBABILITY", -math.inf)  # or gibberish would be no words
    heard = []
    for chunks in (speech, speech, [np.concatenate(speech)]):
        stream = transcriber.open()
        for samples in chunks:
            stream.feed(samples)
        heard.append(stream.pause().result(PATIENCE))
        stream.close()
    assert heard[0] == heard[1] == heard[2]
    assert heard[0].text
    assert heard[0].asr == transcriber.name == "whisper-tiny-random"
    assert heard[0].language
    assert heard[0].confidence is not None
    assert 0 < heard[0].confidence < 1


def test_a_set_language_is_kept(weights: Path, speech: list[np.ndarray]) -> None:
    transcriber = whisper_session(weights, language="de")
    stream = transcriber.open()
    stream.feed(np.concatenate(speech))
    assert stream.pause().result(PATIENCE).language == "de"
    transcriber.close()


def test_nothing_fed_is_an_empty_transcript(transcriber: WhisperTranscriber) -> None:
    assert transcriber.open().pause().result(PATIENCE) == Transcript("", None, transcriber.name, None)


def test_a_pause_without_new_audio_is_the_same_pause(
    transcriber: WhisperTranscriber, speech: list[np.ndarray]
) -> None:
    stream = transcriber.open()
    stream.feed(speech[0])
    first = stream.pause()
    assert stream.pause() is first
    stream.feed(speech[1])
    assert stream.pause() is not first


class Gate:
    """Stands in for the model: answers with the number of samples, once it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.asked: list[int] = []

    def __call__(self, model: object, samples: np.ndarray, language: str | None, wanted: object) -> Decoded:
        self.asked.append(samples.size)
        self.entered.set()
        assert self.opened.wait(PATIENCE)
        return Decoded(str(samples.size), language, 0.0, 1)


@pytest.fixture
def gate(transcriber: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(recogniser, "decode", gate)
    yield gate
    gate.opened.set()


def test_a_superseded_pause_that_has_not_started_is_dropped(
    transcriber: WhisperTranscriber, gate: Gate
) -> None:
    busy, stream = transcriber.open(), transcriber.open()
    busy.feed(np.zeros(1, np.float32))
    running = busy.pause()
    assert gate.entered.wait(PATIENCE)
    stream.feed(np.zeros(10, np.float32))
    superseded = stream.pause()
    stream.feed(np.zeros(10, np.float32))
    latest = stream.pause()
    gate.opened.set()
    assert running.result(PATIENCE).text == "1"
    assert latest.result(PATIENCE).text == "20"
    assert superseded.cancelled()
    assert gate.asked == [1, 20]


def test_finals_of_many_streams_are_all_answered_in_order(
    transcriber: WhisperTranscriber, gate: Gate
) -> None:
    pauses = [ask(transcriber, np.zeros(count, np.float32)) for count in range(1, 9)]
    gate.opened.set()
    assert [pause.result(PATIENCE).text for pause in pauses] == [str(count) for count in range(1, 9)]
    assert gate.asked == list(range(1, 9))


def test_close_cancels_what_has_not_started(transcriber: WhisperTranscriber, gate: Gate) -> None:
    busy, waiting = transcriber.open(), transcriber.open()
    busy.pause()
    assert gate.entered.wait(PATIENCE)
    waiting.feed(np.zeros(10, np.float32))
    pause = waiting.pause()
    waiting.close()
    with pytest.raises(CancelledError):
        pause.result(0)


def test_a_failing_model_fails_the_future_with_words(
    transcriber: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Decoded:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(recogniser, "decode", fail)
    with pytest.raises(TranscriptionError, match="Whisper failed: out of memory"):
        transcriber.open().pause().result(PATIENCE)


def test_whisper_is_taken_where_its_weights_are(weights: Path) -> None:
    said: list[str] = []
    transcriber = open_transcriber(TranscriptionSettings(model=str(weights), device="cpu"), said.append)
    assert transcriber is not None
    transcriber.close()
    assert (transcriber.name, said) == ("whisper-tiny-random", [])


@pytest.mark.parametrize("damaged", ["model.bin", "tokenizer.json", "config.json"])
def test_damaged_weights_are_refused(weights: Path, tmp_path: Path, damaged: str) -> None:
    for file in weights.iterdir():
        (tmp_path / file.name).write_bytes(
            file.read_bytes()[:100] if file.name == damaged else file.read_bytes()
        )
    with pytest.raises(UserError, match="cannot be run"):
        whisper_session(tmp_path)
