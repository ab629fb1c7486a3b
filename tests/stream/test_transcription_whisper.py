"""Whisper's real code path on a tiny model of random weights: what it says is gibberish, when and how it says it is not."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi

from emotrack.model.errors import UserError
from emotrack.stream.media import AUDIO_RATE
from emotrack.stream.transcription import whisper, whisper_weights
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from emotrack.stream.transcription.whisper import WhisperTranscriber
from helpers.speech import blocks_of, demo_speech
from helpers.whisper import build_tiny_whisper

pytestmark = pytest.mark.xdist_group("whisper")  # the model is built once

PATIENCE = 60
"""Seconds after which a test gives up."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def transcriber(weights: Path) -> Iterator[WhisperTranscriber]:
    said: list[str] = []
    opened = WhisperTranscriber(TranscriptionSettings(model=str(weights), device="cpu", threads=1), said.append)
    yield opened
    opened.close()
    assert said == []


@pytest.fixture
def speech() -> list[np.ndarray]:
    return [block.samples_16k for block in blocks_of(demo_speech()[AUDIO_RATE // 2 : 3 * AUDIO_RATE])]


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """No weights on this machine, and none to be fetched; lists for each request whether it was to stay offline."""
    asked: list[bool] = []

    def download(model: str, local_files_only: bool = False) -> str:
        asked.append(local_files_only)
        if local_files_only:
            raise whisper_weights.LocalEntryNotFoundError("not in the cache")
        raise ConnectionError("Got: ConnectError: [Errno 111]")

    monkeypatch.setattr(whisper_weights, "download_model", download)
    return asked


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(whisper_weights, "HfApi", lambda: HfApi(endpoint=endpoint))
        monkeypatch.setattr(whisper_weights, "HUB_SECONDS", 0.2)
        yield


def test_the_same_audio_gives_the_same_transcript(transcriber: WhisperTranscriber, speech: list[np.ndarray]) -> None:
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
    transcriber = WhisperTranscriber(TranscriptionSettings(model=str(weights), device="cpu", language="de"), print)
    stream = transcriber.open()
    stream.feed(np.concatenate(speech))
    assert stream.pause().result(PATIENCE).language == "de"
    transcriber.close()


def test_nothing_fed_is_an_empty_transcript(transcriber: WhisperTranscriber) -> None:
    assert transcriber.open().pause().result(PATIENCE) == Transcript("", None, transcriber.name, None)


def test_a_pause_without_new_audio_is_the_same_pause(transcriber: WhisperTranscriber, speech: list[np.ndarray]) -> None:
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

    def __call__(self, model: object, samples: np.ndarray, language: str | None, name: str) -> Transcript:
        self.asked.append(samples.size)
        self.entered.set()
        assert self.opened.wait(PATIENCE)
        return Transcript(str(samples.size), language, name, None)


@pytest.fixture
def gate(transcriber: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(whisper, "transcribe", gate)
    yield gate
    gate.opened.set()


def test_a_superseded_pause_that_has_not_started_is_dropped(transcriber: WhisperTranscriber, gate: Gate) -> None:
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


def test_finals_of_many_streams_are_all_answered_in_order(transcriber: WhisperTranscriber, gate: Gate) -> None:
    pauses = []
    for count in range(1, 9):
        stream = transcriber.open()
        stream.feed(np.zeros(count, np.float32))
        pauses.append(stream.pause())
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


def test_a_failing_model_fails_the_future_with_words(transcriber: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Transcript:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(whisper, "transcribe", fail)
    with pytest.raises(TranscriptionError, match="Whisper failed: out of memory"):
        transcriber.open().pause().result(PATIENCE)


def test_auto_takes_whisper_where_its_weights_are(weights: Path) -> None:
    said: list[str] = []
    transcriber = open_transcriber(TranscriptionSettings(model=str(weights), device="cpu"), said.append)
    assert transcriber is not None
    transcriber.close()
    assert (transcriber.name, said) == ("whisper-tiny-random", [])


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("./nowhere", r"There is no directory \./nowhere"),
        ("enormous", "Whisper has no size enormous; the sizes are tiny"),
        ("a/b/c", "a/b/c is neither a directory nor the id of a Whisper model"),
    ],
)
def test_a_wrong_model_is_refused_in_a_sentence(model: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        WhisperTranscriber(TranscriptionSettings(model=model), print)


def test_weights_that_are_not_here_are_not_fetched_unasked(empty_cache: list[bool]) -> None:
    fetch = "--set stream.transcription.download=true fetches Whisper base."
    with pytest.raises(UserError) as absent:
        WhisperTranscriber(TranscriptionSettings(), print)
    assert str(absent.value) == f"Whisper's weights are not on this machine; {fetch}"
    said: list[str] = []
    transcriber = open_transcriber(TranscriptionSettings(), said.append)
    assert transcriber is not None
    transcriber.close()
    assert said == [f"Whisper's weights are not on this machine, so PocketSphinx transcribes, with many errors; {fetch}"]
    assert empty_cache == [True, True]


@pytest.mark.usefixtures("silent_hub")
def test_a_hub_that_never_answers_is_not_waited_for(empty_cache: list[bool]) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match="not on this machine and the model hub does not answer; try again"):
        WhisperTranscriber(TranscriptionSettings(download=True), print)
    assert time.monotonic() - started < 10
    assert empty_cache == [True]


def test_weights_that_cannot_be_fetched_are_said_so(empty_cache: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: None)
    with pytest.raises(UserError, match="Whisper base could not be fetched whole from the model hub; try again") as absent:
        WhisperTranscriber(TranscriptionSettings(download=True), print)
    assert "Errno" not in str(absent.value)
    assert empty_cache == [True, False]


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"it lacks model\.bin and tokenizer\.json"):
        WhisperTranscriber(TranscriptionSettings(model=str(tmp_path)), print)


def test_damaged_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    for file in weights.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1_000] if file.name == "model.bin" else file.read_bytes())
    with pytest.raises(UserError, match="cannot be run"):
        WhisperTranscriber(TranscriptionSettings(model=str(tmp_path), device="cpu"), print)


def test_a_gpu_that_is_not_there_is_said(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "load_cublas", lambda: False)
    with pytest.raises(UserError, match="no GPU"):
        WhisperTranscriber(TranscriptionSettings(model=str(weights), device="cuda"), print)


def test_the_processor_stands_in_for_a_gpu_that_fails(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = whisper.WhisperModel

    def model(path: str, device: str, **options: object) -> object:
        if device == "cuda":
            raise RuntimeError("CUDA driver version is insufficient")
        return real(path, device=device, **options)

    monkeypatch.setattr(whisper, "WhisperModel", model)
    monkeypatch.setattr(whisper, "load_cublas", lambda: True)
    monkeypatch.setattr(whisper.ctranslate2, "get_cuda_device_count", lambda: 1)
    said: list[str] = []
    WhisperTranscriber(TranscriptionSettings(model=str(weights)), said.append).close()
    assert said == ["Whisper runs on the processor, as it cannot run on the GPU: CUDA driver version is insufficient."]
