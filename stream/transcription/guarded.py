"""Any recogniser, made safe for a session: whatever it raises is an utterance without words, and an answer
that is none is an error."""

import math
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import numpy as np

from emotrack.stream.transcription.transcript import (
    Transcriber,
    Transcript,
    TranscriptionError,
    TranscriptionStream,
)

LONGEST_TEXT, LONGEST_NAME = 10_000, 35
"""Letters of one utterance, and of a language's code (RFC 5646): nobody says more in the time that an
utterance may last."""
ROUNDING = 1e-3
T = TypeVar("T")


class GuardedTranscriber:
    """Does what the recogniser does that it is given, and never raises."""

    def __init__(self, recogniser: Transcriber) -> None:
        self._recogniser = recogniser
        self.name = recogniser.name

    @property
    def answered_at(self) -> float:
        """See `Transcriber.answered_at`."""
        return self._recogniser.answered_at

    @property
    def backlog(self) -> float:
        """See `Transcriber.backlog`."""
        try:
            return float(self._recogniser.backlog)
        except Exception:  # noqa: BLE001 - one that does not know how busy it is
            return 0.0

    def open(self) -> "GuardedStream":
        """See `Transcriber.open`."""
        return GuardedStream(self._recogniser)

    def close(self) -> None:
        """See `Transcriber.close`."""
        self._recogniser.close()


class GuardedStream:
    """The stream of one utterance; with the first thing that it raises it is over."""

    def __init__(self, recogniser: Transcriber) -> None:
        self._failure: Exception | None = None
        self._stream: TranscriptionStream | None = None
        self._stream = self._tried(recogniser.open)

    def feed(self, samples: np.ndarray) -> None:
        """See `TranscriptionStream.feed`."""
        if self._stream is not None:
            stream = self._stream
            self._tried(lambda: stream.feed(samples))

    def pause(self) -> Future[Transcript]:
        """See `TranscriptionStream.pause`; what fails, and what is no transcript, is a
        `TranscriptionError`."""
        answer = _Answer()
        asked = None if self._stream is None else self._tried(self._stream.pause)
        if not isinstance(asked, Future):
            answer.set_exception(_error(self._failure or TypeError("it gave no answer to wait for")))
            return answer
        answer.follow(asked)
        return answer

    def conclude(self, patience: float = math.inf) -> None:
        """See `TranscriptionStream.conclude`."""
        if self._stream is not None:
            stream = self._stream
            self._tried(lambda: stream.conclude(patience))

    def partial(self, patience: float) -> Transcript | None:
        """See `TranscriptionStream.partial`."""
        if self._stream is None:
            return None
        stream = self._stream
        words = self._tried(lambda: stream.partial(patience))
        try:
            return None if words is None else _checked(words)
        except TranscriptionError:
            return None

    def keep(self, samples: int) -> None:
        """See `TranscriptionStream.keep`."""
        if self._stream is not None:
            stream = self._stream
            self._tried(lambda: stream.keep(samples))

    def close(self) -> None:
        """See `TranscriptionStream.close`."""
        if self._stream is not None:
            self._tried(self._stream.close)

    def _tried(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except Exception as failure:  # noqa: BLE001 - told with the utterance that lacks its words
            self._failure, self._stream = failure, None
            return None


class _Answer(Future[Transcript]):
    """A recogniser's answer once it was looked at."""

    _asked: Future[Transcript] | None = None

    def follow(self, asked: Future[Transcript]) -> None:
        self._asked = asked
        asked.add_done_callback(self._take)

    def running(self) -> bool:
        return not self.done() and self._asked is not None and self._asked.running()

    def cancel(self) -> bool:
        return self._asked is not None and self._asked.cancel()

    def _take(self, asked: Future[Transcript]) -> None:
        if asked.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()
            return
        try:
            self.set_result(_checked(asked.result()))
        except Exception as failure:  # noqa: BLE001 - handed to whoever waits for the words
            self.set_exception(_error(failure))


def _checked(words: object) -> Transcript:
    """The transcript, if it is one; raises `TranscriptionError`."""
    try:
        assert isinstance(words, Transcript)
        words.text.encode()
        sure = words.confidence is None or -ROUNDING <= words.confidence <= 1 + ROUNDING
        named = words.language is None or len(words.language) <= LONGEST_NAME
        if len(words.text) <= LONGEST_TEXT and sure and named:
            return words
    except (AssertionError, AttributeError, TypeError, ValueError):
        pass
    raise TranscriptionError("the recogniser gave what is no transcript")


def _error(failure: Exception) -> TranscriptionError:
    if isinstance(failure, TranscriptionError):
        return failure
    text = " ".join(str(failure).split())[:500]
    return TranscriptionError(f"{type(failure).__name__}: {text}" if text else type(failure).__name__)
