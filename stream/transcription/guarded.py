"""Any recogniser, made safe for a session: whatever it raises is an utterance without words, and an answer
that is none is an error."""

import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
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
SECONDS, PATIENT_SECONDS = 1.5, 60.0
"""That a call may take, none of which is to wait, until the recogniser counts as hanging."""
PROMPT_SECONDS = 0.25
"""How long a live session waits for the words of an open utterance, which are there or are not."""
LEAVING_SECONDS = 0.5
T = TypeVar("T")


class GuardedTranscriber:
    """Does what the recogniser does that it is given, on one thread of its own, in the order of the calls:
    whatever it raises nobody else gets, and while it hangs nobody waits for it."""

    def __init__(self, recogniser: Transcriber, *, patient: bool) -> None:
        """`patient`: wait as long for it as a session that has time."""
        self._recogniser = recogniser
        self.name = recogniser.name
        self.seconds = PATIENT_SECONDS if patient else SECONDS
        """That one call may take; none of them is to wait."""
        self._calls: queue.Queue[Callable[[], object] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._since = math.inf

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

    @property
    def hangs(self) -> bool:
        """Whether the present call takes too long."""
        return time.monotonic() - self._since > self.seconds

    def open(self) -> "GuardedStream":
        """See `Transcriber.open`."""
        return GuardedStream(self, self._recogniser.open)

    def call(self, function: Callable[[], object]) -> None:
        """Have this done, which raises nothing, after all that was asked for before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="recogniser", daemon=True)
            self._thread.start()
        self._calls.put(function)

    def leave(self) -> None:
        """The session asks for nothing more; the recogniser is somebody else's."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread.join(LEAVING_SECONDS)

    def close(self) -> None:
        """See `Transcriber.close`."""
        self._recogniser.close()

    def _serve(self) -> None:
        while (function := self._calls.get()) is not None:
            self._since = time.monotonic()
            function()
            self._since = math.inf


class GuardedStream:
    """The stream of one utterance; with the first thing that it raises it is over, and so it is with the
    first call that finds the recogniser hanging."""

    def __init__(self, guard: GuardedTranscriber, open_stream: Callable[[], TranscriptionStream]) -> None:
        self._guard = guard
        self._failure: BaseException | None = None
        self._stream: TranscriptionStream | None = None
        self._asked: Future[Transcript | None] | None = None
        """The words of the open utterance that were asked for last."""
        if not self._is_over:
            self._guard.call(lambda: self._begin(open_stream))

    def feed(self, samples: np.ndarray) -> None:
        """See `TranscriptionStream.feed`."""
        self._do(lambda stream: stream.feed(samples))

    def pause(self) -> Future[Transcript]:
        """See `TranscriptionStream.pause`; what fails, and what is no transcript, is a
        `TranscriptionError`."""
        answer = _Answer()

        def ask() -> None:
            asked = self._tried(lambda stream: stream.pause())
            if isinstance(asked, Future):
                answer.follow(asked)
            else:
                answer.set_exception(_error(self._failure or TypeError("it gave no answer to wait for")))

        if self._is_over:
            assert self._failure is not None
            answer.set_exception(_error(self._failure))
        else:
            self._guard.call(ask)
        return answer

    def conclude(self, patience: float = math.inf) -> None:
        """See `TranscriptionStream.conclude`."""
        self._do(lambda stream: stream.conclude(patience))

    def partial(self, patience: float) -> Transcript | None:
        """See `TranscriptionStream.partial`."""
        if self._is_over or (self._asked is not None and not self._asked.done()):
            return None
        asked: Future[Transcript | None] = Future()
        self._asked = asked
        self._guard.call(lambda: asked.set_result(self._tried(lambda stream: stream.partial(patience))))
        wait([asked], patience + (self._guard.seconds if patience else PROMPT_SECONDS))
        try:
            return _checked(asked.result()) if asked.done() and asked.result() is not None else None
        except TranscriptionError:
            return None

    def keep(self, samples: int) -> None:
        """See `TranscriptionStream.keep`."""
        self._do(lambda stream: stream.keep(samples))

    def close(self) -> None:
        """See `TranscriptionStream.close`; one that hangs is closed once it is back."""
        self._guard.call(lambda: self._tried(lambda stream: stream.close()))

    @property
    def _is_over(self) -> bool:
        if self._failure is None and self._guard.hangs:
            self._failure = TimeoutError(f"it has not been done with anything for {self._guard.seconds:g} s")
        return self._failure is not None

    def _begin(self, open_stream: Callable[[], TranscriptionStream]) -> None:
        try:
            self._stream = open_stream()
        except (Exception, SystemExit) as failure:  # noqa: BLE001 - as below
            self._failure = failure

    def _do(self, call: Callable[[TranscriptionStream], object]) -> None:
        if not self._is_over:
            self._guard.call(lambda: self._tried(call))

    def _tried(self, call: Callable[[TranscriptionStream], T]) -> T | None:
        """On the recogniser's thread."""
        if self._stream is None:
            return None
        try:
            return call(self._stream)
        except (Exception, SystemExit) as failure:  # noqa: BLE001 - told with the utterance that lacks its words
            self._failure, self._stream = failure, None
            return None


class _Answer(Future[Transcript]):
    """A recogniser's answer once it was looked at."""

    _asked: Future[Transcript] | None = None
    _unwanted = False

    def follow(self, asked: Future[Transcript]) -> None:
        self._asked = asked
        if self._unwanted:
            asked.cancel()
        asked.add_done_callback(self._take)

    def running(self) -> bool:
        return not self.done() and self._asked is not None and self._asked.running()

    def cancel(self) -> bool:
        self._unwanted = True
        return self._asked is not None and self._asked.cancel()

    def _take(self, asked: Future[Transcript]) -> None:
        if asked.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()
            return
        failure = asked.exception()
        if failure is not None:
            self.set_exception(_error(failure))
            return
        try:
            self.set_result(_checked(asked.result()))
        except TranscriptionError as nonsense:
            self.set_exception(nonsense)


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


def _error(failure: BaseException) -> TranscriptionError:
    if isinstance(failure, TranscriptionError):
        return failure
    text = " ".join(str(failure).split())[:500]
    return TranscriptionError(f"{type(failure).__name__}: {text}" if text else type(failure).__name__)
