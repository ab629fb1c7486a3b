"""Sessions of one process that want the same Whisper: one model, everybody's turn, and nothing left of it
after the last."""

import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
from faster_whisper import WhisperModel

from emotrack.errors import UserError
from emotrack.stream.sources.media import AUDIO_RATE, Source
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.transcription.whisper import model as whisper_model
from emotrack.stream.transcription.whisper import recogniser
from emotrack.stream.transcription.whisper.decoding import Decoded
from emotrack.tracking.tracker import Tracker
from helpers.media.scripted import LoudnessVad, Scripted, cheap, sound, up
from helpers.media.speech import blocks_of, demo_speech
from helpers.networks.whisper import ask, build_tiny_whisper, whisper_session
from helpers.sessions.tracking import Workbench, emotions, settings, without_timing

pytestmark = pytest.mark.xdist_group("whisper")  # the model is built once

PATIENCE = 60
"""Seconds after which a test gives up."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.getbasetemp() / "whisper")


class Built:
    """The models that were built, and which of them are there still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._models: list[weakref.ref[Any]] = []
        self._real = WhisperModel
        monkeypatch.setattr(whisper_model, "WhisperModel", self._build)

    def _build(self, *arguments: Any, **options: Any) -> object:
        model = self._real(*arguments, **options)
        self._models.append(weakref.ref(model))
        return model

    def __len__(self) -> int:
        return len(self._models)

    @property
    def alive(self) -> int:
        """Those that take up memory."""
        return sum(model() is not None for model in self._models)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Built:
    return Built(monkeypatch)


@pytest.fixture
def speech() -> np.ndarray:
    return np.concatenate(
        [block.samples_16k for block in blocks_of(demo_speech()[AUDIO_RATE // 2 : 3 * AUDIO_RATE])]
    )


class Turnstile:
    """Stands in for the model: lets one transcription through a turn, and lists whose it was, by the
    lengths."""

    def __init__(self) -> None:
        self.turns = threading.Semaphore(0)
        self.entered = threading.Event()
        self.passed: list[int] = []

    def __call__(self, model: object, samples: np.ndarray, language: str | None, wanted: object) -> Decoded:
        self.entered.set()
        assert self.turns.acquire(timeout=PATIENCE)
        self.passed.append(samples.size)
        return Decoded(str(samples.size), language, 0.0, 1)


@pytest.fixture
def turnstile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turnstile]:
    turnstile = Turnstile()
    monkeypatch.setattr(recogniser, "decode", turnstile)
    yield turnstile
    turnstile.turns.release(1_000)


def utterance(samples: int) -> np.ndarray:
    """Silence that tells by its length which utterance it is."""
    return np.zeros(samples, np.float32)


def test_equal_sessions_share_one_model_until_the_last_has_closed(
    weights: Path, built: Built, speech: np.ndarray
) -> None:
    first, second = whisper_session(weights), whisper_session(weights)
    assert len(built) == 1
    words = ask(first, speech).result(PATIENCE)
    first.close()
    first.close()  # means nothing more
    assert ask(second, speech).result(PATIENCE) == words
    assert built.alive == 1
    second.close()
    assert built.alive == 0
    third = whisper_session(weights)
    assert ask(third, speech).result(PATIENCE) == words
    third.close()
    assert len(built) == 2


def test_sessions_that_open_at_once_share_one_model(weights: Path, built: Built) -> None:
    together = threading.Barrier(4)

    def open_one(_: int) -> recogniser.WhisperTranscriber:
        together.wait()
        return whisper_session(weights)

    with ThreadPoolExecutor(4) as threads:
        for session in list(threads.map(open_one, range(4))):
            session.close()
    assert (len(built), built.alive) == (1, 0)


@pytest.mark.parametrize("difference", [{"threads": 2}, {"workers": 2}, {"compute_type": "float32"}])
def test_sessions_that_differ_have_their_own(weights: Path, built: Built, difference: dict[str, Any]) -> None:
    sessions = [whisper_session(weights), whisper_session(weights, **difference)]
    assert len(built) == 2
    for session in sessions:
        session.close()
    assert built.alive == 0


def test_each_session_keeps_its_language(weights: Path, built: Built, speech: np.ndarray) -> None:
    german, english = whisper_session(weights, language="de"), whisper_session(weights, language="en")
    heard = [ask(session, speech) for session in (german, english)]
    assert [words.result(PATIENCE).language for words in heard] == ["de", "en"]
    german.close()
    english.close()
    assert len(built) == 1


def test_a_language_that_nobody_speaks_is_refused_and_leaves_nothing(weights: Path, built: Built) -> None:
    with pytest.raises(
        UserError, match=r"whisper-tiny-random knows no language qq; .*language=CODE takes one that it knows"
    ):
        whisper_session(weights, language="qq")
    assert (len(built), built.alive) == (1, 0)


def test_what_had_to_be_done_without_is_said_to_every_session(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda _: {"float32"})
    said: list[str] = []
    for session in [whisper_session(weights, said.append), whisper_session(weights, said.append)]:
        session.close()
    assert said == ["Whisper computes in float32, which is slower, as this processor has no int8."] * 2


def test_a_flooding_session_lets_the_others_through(weights: Path, turnstile: Turnstile) -> None:
    flooding, *others = [whisper_session(weights) for _ in range(4)]
    flood = [ask(flooding, utterance(1)) for _ in range(20)]
    assert turnstile.entered.wait(PATIENCE)
    finals = [ask(session, utterance(100 + number)) for number, session in enumerate(others)]
    turnstile.turns.release(1_000)
    assert [final.result(PATIENCE).text for final in finals] == ["100", "101", "102"]
    assert [final.result(PATIENCE).text for final in flood] == ["1"] * 20
    assert turnstile.passed[:5] == [1, 1, 100, 101, 102]  # the one that ran, then a round
    for session in (flooding, *others):
        session.close()


def test_a_final_goes_before_the_speculation_of_others(weights: Path, turnstile: Turnstile) -> None:
    one, other = whisper_session(weights), whisper_session(weights)
    busy = ask(one, utterance(1))
    assert turnstile.entered.wait(PATIENCE)
    paused = one.open()
    paused.feed(utterance(2))
    speculation = paused.pause()
    final = ask(other, utterance(3))
    turnstile.turns.release(3)
    assert [words.result(PATIENCE).text for words in (busy, final, speculation)] == ["1", "3", "2"]
    assert turnstile.passed == [1, 3, 2]
    one.close()
    other.close()


def test_of_two_people_who_pause_in_a_session_both_get_their_words_when_they_have_ended(
    weights: Path, turnstile: Turnstile
) -> None:
    session = whisper_session(weights)
    busy = ask(session, utterance(1))
    assert turnstile.entered.wait(PATIENCE)
    streams = [session.open() for _ in range(2)]
    pauses: list[Future[Transcript]] = []
    for length, stream in enumerate(streams, start=10):
        stream.feed(utterance(length))
        pauses.append(stream.pause())
    turnstile.turns.release(2)
    assert pauses[1].result(PATIENCE).text == "11"  # the newer speculation
    assert not pauses[0].done()
    streams[0].conclude()
    turnstile.turns.release(1)
    assert pauses[0].result(PATIENCE).text == "10"
    assert busy.done()
    session.close()


def test_closing_a_session_cancels_what_it_has_waiting_and_nothing_of_the_others(
    weights: Path, turnstile: Turnstile
) -> None:
    leaving, staying = whisper_session(weights), whisper_session(weights)
    running = ask(leaving, utterance(1))
    assert turnstile.entered.wait(PATIENCE)
    finals = [ask(leaving, utterance(2)), ask(staying, utterance(3)), ask(leaving, utterance(4))]
    speculations = []
    for length in (5, 6):  # the first is displaced by the second
        stream = leaving.open()
        stream.feed(utterance(length))
        speculations.append(stream.pause())
    leaving.close()
    assert [final.cancelled() for final in finals] == [True, False, True]
    assert [speculation.cancelled() for speculation in speculations] == [True, True]
    turnstile.turns.release(2)
    assert running.result(PATIENCE).text == "1"
    assert finals[1].result(PATIENCE).text == "3"
    staying.close()
    assert turnstile.passed == [1, 3]


HUSH = 1e-3
TALK = ((0.3, HUSH), (0.7, 0.2), (0.8, HUSH), (1.1, 0.2), (0.8, HUSH), (0.5, 0.2), (0.8, HUSH))
"""Three utterances."""


def talkers(*names: str) -> list[Source]:
    """People who all speak at the same moments, each on a feed of their own."""
    return [Scripted(name, [*up("audio"), *sound(*TALK)]) for name in names]


def test_a_sessions_overlapping_utterances_all_get_their_words(
    weights: Path, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole loop: every utterance that ends asks for its words for good, so that no label waits for ever,
    or goes without."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)
    session = whisper_session(weights)
    monkeypatch.setattr(workbench, "transcriber", session)
    heard = []
    for _ in range(2):
        messages = workbench.track(
            talkers("one", "other", "third"),
            "stream.modalities=[text,audio]",
            encoders=cheap(workbench.encoders),
        )
        finals = emotions(messages, "final")
        assert len(finals) == 9
        assert all(final.transcript is not None and final.transcript.asr == session.name for final in finals)
        heard.append(without_timing(messages))
    assert heard[0] == heard[1]
    session.close()


def test_trackers_share_one_model_and_free_it_when_all_have_ended(
    weights: Path, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)
    whisper = ("recogniser=whisper", f"model={weights}", "device=cpu", "threads=1")
    chosen = settings(
        "stream.modalities=[text,audio]", *(f"stream.transcription.{value}" for value in whisper)
    )
    trackers = [Tracker(talkers("line"), chosen, realtime=False, notify=lambda _: None) for _ in range(3)]
    assert (len(built), built.alive) == (1, 1)
    with ThreadPoolExecutor(3) as threads:
        for messages in threads.map(lambda tracker: list(tracker.messages()), trackers):
            finals = emotions(messages, "final")
            assert [final.transcript is not None for final in finals] == [True] * 3
    assert (len(built), built.alive) == (1, 0)
