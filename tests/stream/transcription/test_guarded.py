"""Whatever a recogniser raises or answers is an utterance without words, and nothing worse."""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emotrack.stream.transcription import guarded
from emotrack.stream.transcription.guarded import GuardedStream, GuardedTranscriber
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError

WORDS = Transcript("how are you", "en", "stand-in", 0.9)


class Stream:
    """A stream that answers at once, but for what is replaced in it."""

    def __init__(self, **replaced: Callable[..., Any]) -> None:
        self.answer: Future[Any] = Future()
        self.answer.set_result(WORDS)
        self.__dict__.update(replaced)

    def feed(self, samples_16k: np.ndarray) -> None:
        pass

    def pause(self) -> Future[Any]:
        return self.answer

    def conclude(self, patience: float = math.inf) -> None:
        pass

    def partial(self, patience: float) -> Transcript | None:
        return WORDS

    def keep(self, samples: int) -> None:
        pass

    def close(self) -> None:
        pass


class Recogniser:
    name, answered_at, backlog = "stand-in", 0.0, 0.0

    def __init__(self, stream: Stream | None) -> None:
        self._stream = stream

    def open(self) -> Any:
        if self._stream is None:
            raise RuntimeError("out of memory")
        return self._stream

    def close(self) -> None:
        pass


def use(stream: Stream | None) -> Future[Transcript]:
    """All that a session does with an utterance."""
    guard = GuardedTranscriber(Recogniser(stream), patient=False)
    answer = say(guard.open())
    guard.leave()
    return answer


def say(stream: GuardedStream) -> Future[Transcript]:
    stream.feed(np.zeros(512, np.float32))
    stream.partial(0.0)
    stream.keep(256)
    answer = stream.pause()
    stream.conclude()
    stream.close()
    return answer


def raising(*_: object) -> Any:
    raise RuntimeError("out of memory")


def leaving(*_: object) -> Any:
    raise SystemExit(1)


def test_what_a_recogniser_answers_is_passed_on() -> None:
    assert use(Stream()).result(0) == WORDS


@pytest.mark.parametrize("function", ["open", "feed", "partial", "keep", "pause"])
def test_whatever_raises_the_utterance_has_no_words_and_the_reason_is_told(function: str) -> None:
    answer = use(None if function == "open" else Stream(**{function: raising}))
    with pytest.raises(TranscriptionError, match="RuntimeError: out of memory"):
        answer.result(0)
    assert not answer.running() and not answer.cancel()


def test_a_recogniser_that_would_end_the_process_does_not() -> None:
    answered: Future[Any] = Future()
    answered.set_exception(SystemExit(1))
    for stream in (Stream(feed=leaving), Stream(pause=lambda: answered)):
        with pytest.raises(TranscriptionError, match="SystemExit: 1"):
            use(stream).result(0)


@pytest.mark.parametrize("function", ["conclude", "close"])
def test_what_raises_afterwards_changes_nothing(function: str) -> None:
    assert use(Stream(**{function: raising})).result(0) == WORDS


@pytest.mark.parametrize(
    "words",
    [
        None,
        "how are you",
        replace(WORDS, text=None),  # type: ignore[arg-type]  # which it may be all the same
        replace(WORDS, text="\ud800"),
        replace(WORDS, text="x" * 100_000),
        replace(WORDS, language="x" * 100),
        replace(WORDS, confidence=float("nan")),
        replace(WORDS, confidence=7.0),
    ],
    ids=["none", "a text", "no text", "half a letter", "endless", "language", "nan", "seven"],
)
def test_what_is_no_transcript_is_an_error(words: object) -> None:
    stream = Stream(partial=lambda patience: words)
    stream.answer = Future()
    answer = use(stream)
    assert not answer.done()
    stream.answer.set_result(words)
    with pytest.raises(TranscriptionError, match="no transcript"):
        answer.result(0)


def test_an_answer_that_is_none_to_wait_for_is_an_error() -> None:
    with pytest.raises(TranscriptionError, match="no answer to wait for"):
        use(Stream(pause=lambda: None)).result(0)


def test_nobody_wants_it_any_more() -> None:
    stream = Stream()
    stream.answer = Future()
    answer = use(stream)
    assert answer.cancel() and answer.cancelled() and stream.answer.cancelled()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("function", ["feed", "pause", "partial", "keep", "conclude"])
def test_one_that_hangs_keeps_nobody_and_is_used_again_when_it_is_back(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "SECONDS", 0.2)
    monkeypatch.setattr(guarded, "PROMPT_SECONDS", 0.05)
    entered, back = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        entered.set()
        back.wait(60)

    stream = Stream(**{function: hang})
    guard = GuardedTranscriber(Recogniser(stream), patient=False)
    first = say(guard.open())
    assert entered.wait(10)
    until(lambda: guard.hangs)
    for _ in range(3):
        with pytest.raises(TranscriptionError, match="TimeoutError"):
            say(guard.open()).result(0)
    assert guard._calls.qsize() <= 6 + 3  # nothing is kept of what it will never hear but that it is over
    vars(stream).pop(function)
    back.set()
    if function == "pause":
        with pytest.raises(TranscriptionError, match="no answer to wait for"):
            first.result(10)
    else:
        assert first.result(10) == WORDS
    until(lambda: not guard.hangs)
    assert say(guard.open()).result(10) == WORDS
    guard.leave()
